//! `simward demo --attacks`: each attack by itself, against a node of its own, and what it cost the owner.
//!
//! A script is played on a fresh node in a temporary folder, by somebody who holds what is said and nothing else, through
//! the doors that the node has: HTTP, the portal, the radio, the database file, restarts with older files. While it is
//! played codes go to the number and it is counted who reads them. Each names the defence whose removal lets it through:
//! with the feature `danger_switches` a test takes that one away and sees it succeed (`demo/twins.rs`).

mod cases;
mod clocks;
mod desks;
mod hands;
pub(super) mod histories;
mod keepers;
mod leaving;
mod objections;
mod pages;
mod phones;
mod portal;
mod recycling;
mod rows;
mod show;
mod strangers;
mod table;

use super::DemoError;
use super::cast::Cast;
use deed::defence::Defence;
use serde::Serialize;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) use table::{NOT_REACHED, scripts};

/// How the outcome is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines and a table for people.
    Table,
    /// A line of JSON each.
    Json,
    /// The table of docs/attacks-numbers.md.
    Markdown,
}

/// What lets an attack through once it is gone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Without {
    /// Switches of [`deed::defence`], all of them off.
    Switches(&'static [Defence]),
    /// A fact of the world, in words, and the test of `demo/twins.rs` that builds the world without it.
    World(&'static str, &'static str),
    /// A rule, in words, whose twin is seen elsewhere: a file, and the test in it.
    Rules(&'static str, [&'static str; 2]),
}

/// One attack.
pub(super) struct Script {
    /// `A12o`: the list's number, `o` for an outsider, `i` for somebody inside; `D-…`: a case of the deed's description.
    pub(super) id: &'static str,
    /// What the attacker holds.
    pub(super) who: &'static str,
    /// What he does.
    pub(super) does: &'static str,
    /// What is in the way.
    pub(super) without: Without,
    /// Most minutes in which the owner may be without service, and why.
    pub(super) bound: (u64, &'static str),
    /// Plays it.
    pub(super) play: fn(&mut Cast) -> Result<Outcome, DemoError>,
}

/// What became of an attack.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// Refused, in the node's own words.
    Refused(String),
    /// It got through.
    Through(&'static str),
    /// The play could not go on.
    Unplayed(String),
}

impl Outcome {
    /// Refused by this, or through.
    pub(super) fn of(refused: Option<String>, through: &'static str) -> Self {
        refused.map_or(Self::Through(through), Self::Refused)
    }

    /// Refused by this, unless something happened all the same.
    pub(super) fn unless(happened: bool, through: &'static str, refused: impl Into<String>) -> Self {
        if happened { Self::Through(through) } else { Self::Refused(refused.into()) }
    }
}

/// An attack that was played.
#[derive(Debug, Clone)]
pub(super) struct Played {
    /// What became of it.
    pub(super) outcome: Outcome,
    /// Minutes in which somebody else could read the number's codes.
    pub(super) stolen_code_minutes: u64,
    /// Minutes in which the owner could read none.
    pub(super) no_service_minutes: u64,
}

impl Played {
    fn none(why: String) -> Self {
        Self { outcome: Outcome::Unplayed(why), stolen_code_minutes: 0, no_service_minutes: 0 }
    }

    /// Whether it came to nothing.
    pub(super) fn good(&self, script: &Script) -> bool {
        matches!(self.outcome, Outcome::Refused(_))
            && self.stolen_code_minutes == 0
            && self.no_service_minutes <= script.bound.0
    }
}

/// Plays one script on a node of its own in this folder.
pub(super) fn play(script: &Script, folder: &Path) -> Result<Played, DemoError> {
    let mut cast = Cast::gather_silently(folder)?;
    only_ours(&cast, folder)?;
    let outcome = (script.play)(&mut cast)?;
    Ok(Played {
        outcome,
        stolen_code_minutes: cast.report.stolen_code_minutes,
        no_service_minutes: cast.report.no_service_minutes,
    })
}

/// An attack goes to the node that was started for it, and nowhere else.
fn only_ours(cast: &Cast, folder: &Path) -> Result<(), DemoError> {
    let url = cast.api()?.url();
    let host = url.strip_prefix("http://").and_then(|rest| rest.rsplit_once(':')).map(|(host, _)| host);
    let loopback = host.and_then(|host| host.parse::<IpAddr>().ok()).is_some_and(|ip| ip.is_loopback());
    let data = cast.stage.data();
    if loopback && data.starts_with(folder) && data.starts_with(std::env::temp_dir()) {
        return Ok(());
    }
    Err(DemoError::Stuck(format!("{url} in {} is no node of this demo's", data.display())))
}

/// Plays all of them, two at a time, or those whose names begin so; whether all came to nothing.
pub(super) fn run(only: Option<&str>, form: Form) -> Result<bool, DemoError> {
    let scripts: Vec<Script> =
        scripts().into_iter().filter(|script| only.is_none_or(|only| script.id.starts_with(only))).collect();
    if scripts.is_empty() {
        return Err(DemoError::Stuck("no attack has a name that begins so".into()));
    }
    let played = play_all(&scripts);
    let good = scripts.iter().zip(&played).all(|(script, played)| played.good(script));
    match form {
        Form::Json => print_json(&scripts, &played, good),
        Form::Markdown => print!("{}", show::markdown(&scripts, &played)),
        Form::Table => show::print(&scripts, &played, only),
    }
    Ok(good)
}

/// Plays a script in a folder of its own.
fn play_apart(script: &Script) -> Result<Played, DemoError> {
    let folder = tempfile::Builder::new().prefix("simward-attack-").tempdir()?;
    play(script, folder.path())
}

/// Plays scripts, as many at a time as there are processors.
pub(super) fn play_all(scripts: &[Script]) -> Vec<Played> {
    let next = AtomicUsize::new(0);
    let played: Vec<Mutex<Option<Result<Played, DemoError>>>> =
        scripts.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        while let Some((script, place)) = {
            let at = next.fetch_add(1, Ordering::SeqCst);
            scripts.get(at).zip(played.get(at))
        } {
            let mut outcome = play_apart(script);
            if let Err(error) = &outcome {
                // A machine that fell over says nothing about the attack. Said aloud, and tried once more.
                eprintln!("simward: {} could not be played and is played again: {error}", script.id);
                outcome = play_apart(script);
            }
            if let Ok(mut place) = place.lock() {
                *place = Some(outcome);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(4) {
            scope.spawn(work);
        }
    });
    let whole = played.into_iter().map(|place| match place.into_inner() {
        Ok(Some(Ok(played))) => played,
        Ok(Some(Err(error))) => Played::none(error.to_string()),
        _ => Played::none("it was not played".into()),
    });
    whole.collect()
}

#[derive(Serialize)]
struct Line<'a> {
    script: &'a str,
    who: &'a str,
    does: &'a str,
    refused: bool,
    by: &'a str,
    defence: String,
    twin: String,
    stolen_code_minutes: u64,
    no_service_minutes: u64,
    bound: u64,
}

#[derive(Serialize)]
struct NotReached<'a> {
    not_reached: &'a str,
    what: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct Sum {
    scripts: usize,
    came_to_nothing: usize,
    not_reached: usize,
    stolen_code_minutes: u64,
    good: bool,
}

fn print_json(scripts: &[Script], played: &[Played], good: bool) {
    for (script, played) in scripts.iter().zip(played) {
        let (refused, by) = match &played.outcome {
            Outcome::Refused(by) => (true, by.as_str()),
            Outcome::Through(how) => (false, *how),
            Outcome::Unplayed(why) => (false, why.as_str()),
        };
        super::report::print_line(&Line {
            script: script.id,
            who: script.who,
            does: script.does,
            refused,
            by,
            defence: show::defence(&script.without),
            twin: show::twin(&script.without),
            stolen_code_minutes: played.stolen_code_minutes,
            no_service_minutes: played.no_service_minutes,
            bound: script.bound.0,
        });
    }
    for (id, what, why) in NOT_REACHED {
        super::report::print_line(&NotReached { not_reached: id, what, why });
    }
    let came_to_nothing = scripts.iter().zip(played).filter(|(script, played)| played.good(script)).count();
    super::report::print_line(&Sum {
        scripts: scripts.len(),
        came_to_nothing,
        not_reached: NOT_REACHED.len(),
        stolen_code_minutes: played.iter().map(|p| p.stolen_code_minutes).sum(),
        good,
    });
}
