//! docs/promises.md: every command on it is run, in its order, and what it prints is compared.
//!
//! A block is `console`: `$ command`, then what it prints. `…` in a line stands for anything in that line, a line of `…`
//! for any number of lines; `[N]` is an exit code other than 0. A command that ends in `&` goes on; `wait-for TEXT` waits
//! until whatever goes on has said so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The port on the page.
const PORT: &str = "8740";
const PATIENCE: Duration = Duration::from_secs(20);

struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
}

/// The steps of a page's `console` blocks.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (i, line) in page.lines().enumerate() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            _ => match line.strip_prefix("$ ") {
                Some(command) => {
                    steps.push(Step { line: i + 1, command: command.into(), expected: Vec::new() })
                }
                None => steps.last_mut().expect("output without a command").expected.push(line.into()),
            },
        }
    }
    steps
}

/// Whether a line is as expected, `…` standing for anything.
fn line_fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether the lines are as expected, a line of `…` standing for any number.
fn fits(pattern: &[String], lines: &[&str]) -> bool {
    match (pattern.split_first(), lines.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((first, rest)), _) if first == "…" => {
            (0..=lines.len()).any(|skipped| fits(rest, &lines[skipped..]))
        }
        (Some(_), None) => false,
        (Some((first, rest)), Some((line, lines))) => line_fits(first, line) && fits(rest, lines),
    }
}

/// Processes that go on, with where they write.
struct Going {
    children: Vec<(Child, std::path::PathBuf)>,
}

impl Drop for Going {
    fn drop(&mut self) {
        for (child, _) in &mut self.children {
            let group = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
            let _ = child.wait();
        }
    }
}

fn shell(folder: &Path, command: &str) -> Command {
    let bin = Path::new(env!("CARGO_BIN_EXE_simward")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("bash");
    shell
        .arg("-c")
        .arg(command)
        .current_dir(folder)
        .env("PATH", path)
        .env("RUST_LOG", "off")
        .stdin(Stdio::null());
    shell.env("SIMWARD_DEVICE_KEYS", folder.join("device-keys"));
    shell
}

fn run(folder: &Path, going: &mut Going, step: &Step) -> Result<(), String> {
    if let Some(text) = step.command.strip_prefix("wait-for ") {
        let text = text.trim_matches('"');
        let (_, log) = going.children.last().expect("something that goes on");
        return wait(log, |said| said.contains(text));
    }
    if let Some(command) = step.command.strip_suffix(" &") {
        let log = folder.join(format!("going-{}", step.line));
        let file = File::create(&log).unwrap();
        let mut shell = shell(folder, &format!("exec {command}"));
        shell.stdout(file.try_clone().unwrap()).stderr(file).process_group(0);
        going.children.push((shell.spawn().unwrap(), log.clone()));
        return wait(&log, |said| fits(&step.expected, &said.lines().collect::<Vec<_>>()));
    }
    let output = shell(folder, &step.command).output().unwrap();
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    let code = output.status.code().unwrap_or(-1);
    if code != 0 {
        let _ = writeln!(said, "[{code}]");
    }
    let lines: Vec<&str> = said.lines().collect();
    // `…` stands for no exit code: a command that fails must be said to.
    let fails = step.expected.last().is_some_and(|last| *last == format!("[{code}]"));
    if fits(&step.expected, &lines) && fails == (code != 0) { Ok(()) } else { Err(said) }
}

fn wait(log: &Path, good: impl Fn(&str) -> bool) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let said = fs::read_to_string(log).unwrap_or_default();
        if good(&said) {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(said);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
}

#[test]
fn every_command_of_the_promises_prints_what_the_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut going = Going { children: Vec::new() };
    // The page's port may be taken here: any other does.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let steps = steps(&page("promises.md").replace(PORT, &free.to_string()));
    assert!(steps.len() > 20, "the page has commands");
    for step in &steps {
        if let Err(said) = run(folder.path(), &mut going, step) {
            let expected = step.expected.join("\n");
            panic!("promises.md:{}: $ {}\nprinted\n{said}\nexpected\n{expected}", step.line, step.command);
        }
    }
}

#[test]
fn both_languages_have_the_same_commands() {
    let commands = |name| steps(&page(name)).into_iter().map(|s| (s.command, s.expected)).collect::<Vec<_>>();
    assert_eq!(commands("promises.md"), commands("promises.zh-CN.md"));
}

#[test]
fn a_line_that_differs_does_not_fit() {
    let pattern = |lines: &[&str]| lines.iter().map(|l| (*l).to_string()).collect::<Vec<_>>();
    assert!(fits(&pattern(&["a … c", "…", "end"]), &["a b c", "x", "y", "end"]));
    assert!(!fits(&pattern(&["a … c"]), &["a b d"]));
    assert!(!fits(&pattern(&["a"]), &["a", "b"]));
    assert!(!fits(&pattern(&["a", "b"]), &["a"]));
    assert!(!fits(&[], &["something"]));
}
