//! A document's console sessions as a test: `$ ` starts a command (`> ` continues it), the lines
//! below are what it must print.

/// Commands for one shell, and all that they print.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tour {
    /// The commands, a line each or more.
    pub commands: String,
    /// The output.
    pub output: String,
}

/// Takes the fenced blocks marked `console` out of a document.
pub fn extract(document: &str) -> Tour {
    let mut tour = Tour::default();
    let mut inside = false;
    for line in document.lines() {
        if line.starts_with("```") {
            inside = !inside && line.trim_end() == "```console";
        } else if inside {
            let command = line.strip_prefix("$ ").or_else(|| line.strip_prefix("> "));
            let target = if command.is_some() {
                &mut tour.commands
            } else {
                &mut tour.output
            };
            target.push_str(command.unwrap_or(line));
            target.push('\n');
        }
    }
    tour
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_output_are_told_apart() {
        let tour = extract(
            "x\n```console\n$ cat <<E\n> hi\n> E\nhi\n```\n```sh\nmake run\n```\n```console\n$ true\n```\n",
        );
        assert_eq!(tour.commands, "cat <<E\nhi\nE\ntrue\n");
        assert_eq!(tour.output, "hi\n");
    }
}
