//! Links between the pages for readers.

use super::{Complaints, relative, text_of};
use crate::workspace::Workspace;
use std::path::PathBuf;

/// Every link to a place in the tree leads to something.
pub fn check(workspace: &Workspace, pages: &[PathBuf]) -> Complaints {
    let mut complaints = Vec::new();
    for page in pages {
        let Some(folder) = page.parent() else {
            continue;
        };
        for (line, target) in links(&text_of(page)?) {
            if !folder.join(&target).exists() {
                let name = relative(workspace, page);
                complaints.push(format!("{name}:{line}: there is no {target}"));
            }
        }
    }
    Ok(complaints)
}

/// Line and target of each link that stays in the tree, without the part behind `#`.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for rest in line.split("](").skip(1) {
            let Some((target, _)) = rest.split_once(')') else {
                continue;
            };
            let path = target.split('#').next().unwrap_or(target);
            if !path.is_empty() && !path.contains("://") {
                found.push((index + 1, path.to_string()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_inside_the_tree_are_found() {
        let text = "a [b](c.md#d), [e](https://f)\n[g](#h) [i](../j/)";
        let wanted = [(1, "c.md".to_string()), (2, "../j/".to_string())];
        assert_eq!(links(text), wanted);
    }
}
