//! The administrator: whoever can write to the operator's database file. Runs as a process of its own.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// The other process: SQL from standard input.
pub(super) fn run(file: &Path) -> io::Result<()> {
    let mut sql = String::new();
    io::stdin().read_to_string(&mut sql)?;
    execute(file, &sql)
}

fn execute(file: &Path, sql: &str) -> io::Result<()> {
    let database = rusqlite::Connection::open(file).map_err(io::Error::other)?;
    database.busy_timeout(std::time::Duration::from_secs(5)).map_err(io::Error::other)?;
    database.execute_batch(sql).map_err(io::Error::other)
}

/// Has another process run SQL on the file. A test binary is no `simward` and edits the file itself.
pub(super) fn edit(file: &Path, sql: &str) -> io::Result<()> {
    if cfg!(test) {
        return execute(file, sql);
    }
    let mut child = Command::new(std::env::current_exe()?)
        .args(["demo", "--administrator"])
        .arg(file)
        .stdin(Stdio::piped())
        .spawn()?;
    child.stdin.take().ok_or_else(|| io::Error::other("no standard input"))?.write_all(sql.as_bytes())?;
    let status = child.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("the administrator's process failed: {sql}")))
    }
}
