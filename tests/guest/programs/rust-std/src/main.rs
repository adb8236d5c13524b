//! Uses the parts of Rust's standard library that need something of the system.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    println!("arguments: {}", arguments.join(" "));
    println!("environment: {}", std::env::var("GREETING")?);
    println!("file: {} lines", write_and_count()?);
    println!("threads: {}", sum_in_threads());
    println!("channel: {}", through_a_channel());
    println!("child: {}", child_status()?);
    println!("caught: {}", caught_panic());
    let map: HashMap<u32, u32> = (0..1000).map(|number| (number, number * 2)).collect();
    println!("map: {}", map.len());
    Ok(())
}

fn write_and_count() -> std::io::Result<usize> {
    let path = std::env::temp_dir().join("rust-std-lines");
    let mut file = std::fs::File::create(&path)?;
    for line in ["one", "two", "three"] {
        writeln!(file, "{line}")?;
    }
    drop(file);
    let count = BufReader::new(std::fs::File::open(&path)?).lines().count();
    std::fs::remove_file(&path)?;
    Ok(count)
}

fn sum_in_threads() -> u64 {
    let sum = Arc::new(Mutex::new(0));
    thread::scope(|scope| {
        for part in 0..10u64 {
            let sum = Arc::clone(&sum);
            scope.spawn(move || {
                for number in part * 10..part * 10 + 10 {
                    if let Ok(mut sum) = sum.lock() {
                        *sum += number;
                    }
                }
            });
        }
    });
    sum.lock().map_or(0, |sum| *sum)
}

fn through_a_channel() -> String {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || (0..5).try_for_each(|number| sender.send(number)));
    let words: Vec<String> = receiver.iter().map(|number: i32| number.to_string()).collect();
    drop(worker.join());
    words.join(" ")
}

fn child_status() -> std::io::Result<i32> {
    let status = Command::new("/bin/sh").args(["-c", "exit 42"]).status()?;
    Ok(status.code().unwrap_or(-1))
}

fn caught_panic() -> String {
    std::panic::set_hook(Box::new(|_| {}));
    let caught = std::panic::catch_unwind(|| panic!("on purpose"));
    match caught {
        Ok(()) => "nothing".to_string(),
        Err(value) => value.downcast_ref::<&str>().unwrap_or(&"something else").to_string(),
    }
}
