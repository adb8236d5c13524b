//! The host command.
fn main() {
    eprintln!("mkimage: not built yet");
    std::process::exit(1);
}
