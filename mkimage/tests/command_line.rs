//! Wrong command lines: each is refused with a message that names what was wrong, before anything
//! is built.

use std::process::{Command, Output};

fn mkimage(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mkimage"))
        .args(arguments)
        .output()
        .expect("mkimage starts")
}

fn refusal_of(arguments: &[&str]) -> String {
    let output = mkimage(arguments);
    assert!(!output.status.success(), "{arguments:?} was accepted");
    assert!(output.stdout.is_empty(), "{arguments:?} printed a result");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "more than one line: {text}");
    text
}

#[test]
fn an_unknown_subcommand_is_named() {
    assert!(refusal_of(&["biuld"]).contains("biuld"));
}

#[test]
fn an_unknown_option_is_named() {
    assert!(refusal_of(&["exec", "--cores", "2", "--", "true"]).contains("--cores"));
}

#[test]
fn exec_without_a_command_is_refused() {
    assert!(refusal_of(&["exec"]).contains("COMMAND"));
}

#[test]
fn too_many_processors_are_refused() {
    let text = refusal_of(&["exec", "--smp", "9", "--", "true"]);
    assert!(text.contains("--smp") && text.contains("1 to 8"), "{text}");
}

#[test]
fn an_addition_without_a_guest_path_is_refused() {
    let text = refusal_of(&["exec", "--add", "file", "--", "true"]);
    assert!(
        text.contains("--add") && text.contains("HOST:GUEST"),
        "{text}"
    );
}

#[test]
fn a_size_without_a_unit_is_refused() {
    let text = refusal_of(&["build", "--size", "12", "-o", "image"]);
    assert!(
        text.contains("--size") && text.contains("K, M or G"),
        "{text}"
    );
}

#[test]
fn an_unknown_profile_is_named() {
    assert!(refusal_of(&["build", "--profile", "nonsense", "-o", "image"]).contains("nonsense"));
}

#[test]
fn an_unknown_recipe_is_named_with_those_there_are() {
    let text = refusal_of(&["port", "build", "nonsense"]);
    assert!(
        text.contains("nonsense") && text.contains("busybox"),
        "{text}"
    );
}

#[test]
fn an_unknown_guest_test_is_named() {
    assert!(refusal_of(&["test", "nonsense"]).contains("nonsense"));
}

#[test]
fn too_little_memory_is_refused() {
    assert!(refusal_of(&["run", "--memory", "4"]).contains("--memory"));
}

#[test]
fn a_missing_disk_is_named() {
    assert!(refusal_of(&["run", "--disk", "/no/such/disk"]).contains("/no/such/disk"));
}

#[test]
fn no_processors_are_refused() {
    assert!(refusal_of(&["exec", "--smp", "0", "--", "true"]).contains("1 to 8"));
}

#[test]
fn memory_with_a_unit_is_refused() {
    let text = refusal_of(&["exec", "--memory", "1K", "--", "true"]);
    assert!(
        text.contains("--memory") && text.contains("8 to 65536"),
        "{text}"
    );
}

#[test]
fn a_time_out_that_is_no_number_is_refused() {
    assert!(refusal_of(&["exec", "--timeout", "soon", "--", "true"]).contains("--timeout"));
}

#[test]
fn an_option_without_its_value_is_named() {
    assert!(refusal_of(&["build", "-o"]).contains("--output"));
}

#[test]
fn a_build_without_an_output_is_refused() {
    assert!(refusal_of(&["build"]).contains("--output"));
}

#[test]
fn a_relative_path_in_the_guest_is_refused() {
    let text = refusal_of(&["exec", "--add", "Cargo.toml:etc/x", "--", "true"]);
    assert!(text.contains("absolute"), "{text}");
}

#[test]
fn a_missing_addition_is_named_by_exec_and_build() {
    for arguments in [
        &["exec", "--add", "/no/such:/x", "--", "true"][..],
        &["build", "--add", "/no/such:/x", "-o", "/tmp/image"],
    ] {
        assert!(refusal_of(arguments).contains("/no/such"), "{arguments:?}");
    }
}

#[test]
fn an_output_in_a_missing_folder_or_that_is_a_folder_is_refused() {
    assert!(refusal_of(&["build", "-o", "/no/such/image"]).contains("/no/such"));
    assert!(refusal_of(&["build", "-o", "/tmp"]).contains("is a folder"));
}

#[test]
fn a_folder_without_limines_files_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let (folder, image) = (folder.path().to_str(), image.to_str());
    let arguments = ["build", "--limine", folder.unwrap(), "-o", image.unwrap()];
    let text = refusal_of(&arguments);
    assert!(text.contains("BOOTX64.EFI"), "{text}");
}
