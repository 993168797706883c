//! llvm-mca: the cycles of many loops on one model.

use crate::Pair;
use std::io::{self, Write};
use std::process::{Command, Stdio};

const ITERATIONS: u32 = 1000;

/// What a model says.
pub struct Model {
    pub name: String,
    /// Of one iteration: our loop's and Cranelift's in turn; not a number where it says nothing.
    pub cycles: Vec<f64>,
}

pub fn model(name: &str, pairs: &[Pair]) -> io::Result<Model> {
    let mut text = String::new();
    for (number, found) in pairs.iter().flat_map(|pair| [&pair.ours, &pair.theirs]).enumerate() {
        text += &format!("# LLVM-MCA-BEGIN {number}\n{}# LLVM-MCA-END {number}\n", found.text(&number.to_string()));
    }
    let output = ask(name, text)?;
    let mut cycles = vec![f64::NAN; 2 * pairs.len()];
    let mut region = 0;
    for line in output.lines() {
        // `[0] Code Region - 7`
        if let Some((_, number)) = line.split_once("Code Region - ") {
            region = number.trim().parse().map_err(io::Error::other)?;
        } else if let Some(total) = line.strip_prefix("Total Cycles:") {
            let total: f64 = total.trim().parse().map_err(io::Error::other)?;
            cycles[region] = total / f64::from(ITERATIONS);
        }
    }
    Ok(Model { name: name.to_owned(), cycles })
}

fn ask(model: &str, text: String) -> io::Result<String> {
    let program = std::env::var("LLVM_MCA").unwrap_or_else(|_| "llvm-mca".to_owned());
    let mut child = Command::new(program)
        .args([
            &format!("-mcpu={model}"),
            &format!("-iterations={ITERATIONS}"),
            "-instruction-info=0",
            "-resource-pressure=0",
        ])
        // What a model does not know counts nothing.
        .args(["-skip-unsupported-instructions=any"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().expect("it does not panic")?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(io::Error::other(format!("llvm-mca for {model}: {}", output.status))),
    }
}
