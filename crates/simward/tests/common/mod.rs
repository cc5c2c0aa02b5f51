//! The command line in a folder of its own, and a node that runs there.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The command line in a folder.
pub fn simward(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simward"));
    command.current_dir(folder).env("SIMWARD_DEVICE_KEYS", folder.join("device-keys")).env("RUST_LOG", "off");
    command.stdin(Stdio::null());
    command
}

/// Whether a line did what was asked, what it printed, and what it said beside.
pub fn parts(folder: &Path, line: &str) -> (bool, String, String) {
    let output = simward(folder).args(line.split(' ')).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// Whether a line did what was asked, and all it said.
pub fn run(folder: &Path, line: &str) -> (bool, String) {
    let (ok, printed, beside) = parts(folder, line);
    (ok, printed + &beside)
}

/// A node in the folder's `node`, for as long as this lives.
pub struct Node {
    child: Child,
    pub url: String,
}

impl Node {
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// One whose waits are short.
    pub fn hasty(folder: &Path) -> Self {
        Self::start_with(folder, &["--short-waits"])
    }

    fn start_with(folder: &Path, more: &[&str]) -> Self {
        let mut child = simward(folder)
            .args(["up", "--data", "node", "--listen", "127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("ready"), "{line}");
        let url = line.split(' ').nth(1).unwrap().trim().to_string();
        Self { child, url }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
