//! The table: every attack, who makes it, what is in its way, and what it may cost.

use super::Without::{Rules, Switches, World};
use super::hands::story;
use super::{Outcome, Played, Script, Without};
use super::{
    clocks, desks, histories, keepers, leaving, objections, pages, phones, portal, recycling, rows, strangers,
};
use crate::demo::DemoError;
use crate::demo::attacks;
use crate::demo::cast::Cast;
use deed::defence::Defence as D;

type Play = fn(&mut Cast) -> Result<Outcome, DemoError>;

/// The line goes on, whatever is tried.
const NONE: (u64, &str) = (0, "the owner's card is served all the time");
/// The owner has suspended the line himself.
const OWN_HOLD: (u64, &str) =
    (30, "the owner has suspended the line; his stand-by card wakes in a quarter of an hour after the duel");
/// Nobody is served from a node that was set back.
const SET_BACK: (u64, &str) =
    (20, "nobody is served from a node that was set back, until the right copies are there");

const fn script(
    id: &'static str,
    who: &'static str,
    does: &'static str,
    without: Without,
    bound: (u64, &'static str),
    play: Play,
) -> Script {
    Script { id, who, does, without, bound, play }
}

/// Where twins are.
const TWINS: &str = "crates/simward/src/demo/twins.rs";

/// All of them, in the order of the list.
pub(in crate::demo) fn scripts() -> Vec<Script> {
    [listed(), of_the_deed()].into_iter().flatten().collect()
}

/// The attacks of the list.
fn listed() -> Vec<Script> {
    vec![
        script(
            "A1o",
            "name, identity number, last payments",
            "answers every question and asks for a change of SIM",
            Switches(&[D::DeskToken]),
            NONE,
            |cast| story(cast, attacks::by_knowledge),
        ),
        script(
            "A1i",
            "an agent who believes him",
            "has the agent ask, agree and wait thirty hours",
            Switches(&[D::NoClassWithoutAFactor]),
            NONE,
            desks::believing,
        ),
        script(
            "A2o",
            "the portal's password",
            "fails four codes and then has the right one",
            Switches(&[D::FailuresCount]),
            NONE,
            portal::failing_until_one_passes,
        ),
        script(
            "A2i",
            "a desk's token",
            "asks again whenever the owner has said no",
            Switches(&[D::FailuresCount]),
            NONE,
            strangers::by_asking_again,
        ),
        script(
            "A3o",
            "a phished clerk's token, a page that renames",
            "uses the owner's approval of another card",
            Switches(&[D::ChallengeIsTheStatement]),
            NONE,
            strangers::with_another_approval,
        ),
        script(
            "A3i",
            "a bribed clerk's key",
            "asks, and approves in the owner's place",
            Switches(&[D::DesksAreNoPlace]),
            NONE,
            |cast| story(cast, attacks::by_the_clerk),
        ),
        script(
            "A4o",
            "the database, through a hole",
            "deletes the owner's rows",
            Switches(&[D::RowsDarkenNothing]),
            NONE,
            rows::darkening,
        ),
        script(
            "A4i",
            "the database, as its administrator",
            "points the number at a legal card of his",
            Switches(&[D::ResolveFromPins]),
            NONE,
            rows::pointing_elsewhere,
        ),
        script(
            "A5o",
            "a forged identity card",
            "shows it in a shop; three days pass",
            Switches(&[D::NoClassWithoutAFactor]),
            NONE,
            desks::with_a_false_card,
        ),
        script(
            "A5i",
            "clerks of two offices",
            "both agree; eight days pass",
            Switches(&[D::NoClassWithoutAFactor]),
            NONE,
            desks::two_offices,
        ),
        script(
            "A6o",
            "the stolen phone",
            "moves the deed on while the owner signs a veto",
            Switches(&[D::SeenNotNewest]),
            NONE,
            objections::outrunning_the_veto,
        ),
        script(
            "A6i",
            "the operator's service, the stolen phone",
            "drops the veto and commits a day later",
            Switches(&[D::ObjectionsStop]),
            NONE,
            clocks::dropping_the_veto,
        ),
        script(
            "A6r",
            "six stolen passkeys and sheets",
            "races six vetoes with their commits",
            Rules(
                "ClosingDecides",
                [
                    "crates/deed/tests/twins.rs",
                    "a_veto_is_acknowledged_and_the_number_moves_where_no_closing_decides",
                ],
            ),
            NONE,
            clocks::racing,
        ),
        script(
            "A7o",
            "the stolen phone",
            "orders a port-out of a locked number",
            Switches(&[D::LocksHold]),
            NONE,
            leaving::though_locked,
        ),
        script(
            "A7p",
            "the stolen phone",
            "orders a port-out of one that is not locked",
            Switches(&[D::OnePlaceWaits]),
            NONE,
            leaving::by_the_phone_alone,
        ),
        script(
            "A7w",
            "the stolen phone",
            "orders a port-out in the week after a change of SIM",
            Switches(&[D::NoPortAfterMove]),
            (1, "the minute in which the owner changes cards himself"),
            leaving::after_a_move,
        ),
        script(
            "A7i",
            "a clerk with a port order",
            "asks, and approves in the owner's place",
            Switches(&[D::DesksAreNoPlace]),
            NONE,
            leaving::by_a_desk,
        ),
        script(
            "A10o",
            "the stolen phone",
            "adds a companion card",
            Switches(&[D::OnePlaceWaits]),
            NONE,
            phones::adding_a_companion,
        ),
        script(
            "A10i",
            "a clerk's key",
            "adds a companion card",
            Switches(&[D::DesksAreNoPlace]),
            NONE,
            desks::adding_a_card,
        ),
        script(
            "A12o",
            "the snatched, unlocked phone",
            "resumes what the owner suspends, ten rounds",
            Switches(&[D::PhoneAloneResumesNothing]),
            OWN_HOLD,
            phones::duelling,
        ),
        script(
            "A12i",
            "the snatched phone and a clerk",
            "has the clerk resume the line",
            Switches(&[D::DesksAreNoPlace]),
            OWN_HOLD,
            desks::resuming,
        ),
        script(
            "A22o",
            "a number given up for its owner's silence",
            "has it issued again before it has rested",
            Switches(&[D::FreezeBeforeReissue]),
            NONE,
            recycling::too_early,
        ),
        script(
            "A22i",
            "clerks of two offices",
            "give a living number up",
            Switches(&[D::AbandonedWaits]),
            NONE,
            recycling::a_living_number,
        ),
        script(
            "A23o",
            "the operator's clock",
            "jumps ninety days in one",
            Switches(&[D::DaysAreSeen]),
            NONE,
            keepers::in_a_day,
        ),
        script(
            "A23i",
            "the operator's staff",
            "take a number back after mails alone",
            Switches(&[D::NoticesArrive]),
            NONE,
            keepers::without_notices,
        ),
        script(
            "A24o",
            "a demand to prove again who one is",
            "its only notice is lost",
            Switches(&[D::FailedIsTriedAgain]),
            NONE,
            keepers::while_nobody_is_told,
        ),
        script(
            "A24i",
            "whoever sends the notices",
            "says that they are on their way",
            Switches(&[D::StepsAreTold]),
            NONE,
            keepers::while_notices_are_on_their_way,
        ),
        script(
            "A25o",
            "a reseller's list",
            "invites a hundred owners and more",
            Switches(&[D::LinesAreCapped]),
            NONE,
            desks::inviting_in_bulk,
        ),
        script(
            "A25i",
            "a clerk's token",
            "issues a hundred numbers and more",
            Switches(&[D::LinesAreCapped]),
            NONE,
            desks::issuing_in_bulk,
        ),
        script(
            "A28o",
            "password and mailbox for a day",
            "tries codes, and every door of the portal",
            Switches(&[D::FailuresCount]),
            NONE,
            portal::for_a_day,
        ),
        script(
            "A28i",
            "the database",
            "copies his own account over the owner's",
            Switches(&[D::RowsKnowTheirName]),
            NONE,
            portal::copying_an_account,
        ),
        script(
            "A29o",
            "the owner's sign-in",
            "removes the owner's mailbox, then asks",
            Switches(&[D::OldChannelsHear]),
            NONE,
            keepers::removing_a_channel,
        ),
        script(
            "A29i",
            "a clerk",
            "removes every channel",
            Switches(&[D::OldChannelsHear]),
            NONE,
            keepers::removing_all_channels,
        ),
        script(
            "A30o",
            "the stolen phone",
            "transfers the number to keys of his own",
            Switches(&[D::OnePlaceWaits]),
            NONE,
            leaving::to_a_thief,
        ),
        script(
            "A30i",
            "a clerk who believes a death certificate",
            "transfers the number to an heir",
            Switches(&[D::DesksAreNoPlace]),
            NONE,
            leaving::to_an_heir,
        ),
        script(
            "A33o",
            "whoever pays, at home",
            "reads along where the owner is told",
            Switches(&[D::SafeMode]),
            NONE,
            keepers::paying,
        ),
        script(
            "A33i",
            "whoever pays, and a clerk",
            "has the owner's channels called the payer's",
            Switches(&[D::SafeModeLeavesTwo]),
            NONE,
            keepers::calling_the_owner_a_payer,
        ),
        script(
            "A34o",
            "the account that syncs the passkey",
            "objects for ever",
            Switches(&[D::OverIsOver]),
            NONE,
            objections::of_a_former_partner,
        ),
        script(
            "A34i",
            "a desk's key",
            "objects for ever",
            Switches(&[D::OverIsOver]),
            NONE,
            objections::of_a_desk,
        ),
        script(
            "A35o",
            "the operator's clock, the stolen phone",
            "sets it ten days ahead, then back",
            World(
                "witnesses have clocks of their own",
                "a_clock_moves_numbers_where_witnesses_have_the_operators_clock",
            ),
            NONE,
            clocks::set_wrong,
        ),
        script(
            "A35i",
            "one witness of three, the stolen phone",
            "its clock is ten days ahead",
            Switches(&[D::QuorumSaysReady]),
            NONE,
            clocks::one_witness_lies,
        ),
    ]
}

/// The cases of the deed's description that the list has not.
fn of_the_deed() -> Vec<Script> {
    vec![
        script(
            "D-index",
            "the database",
            "copies his wrapped key over the owner's",
            Switches(&[D::PinsKeepKeys]),
            NONE,
            rows::copying_a_key,
        ),
        script(
            "D-phone",
            "passkey, mailbox and messages",
            "asks for a change of SIM with the phone alone",
            Switches(&[D::OnePlaceWaits]),
            NONE,
            phones::moving,
        ),
        script(
            "D-sync",
            "the account that syncs passkeys",
            "adds a synced passkey as a key elsewhere",
            Switches(&[D::SyncedIsInThePhone]),
            NONE,
            phones::claiming_another_place,
        ),
        script(
            "D-young",
            "the stolen phone, its owner away",
            "adds a key and uses it a week later",
            Switches(&[D::BornAtExpiry]),
            NONE,
            phones::using_a_new_key,
        ),
        script(
            "D-forked",
            "the operator, the stolen phone",
            "goes back to copies from before the veto",
            World("witnesses remember the log", "a_veto_is_forked_away_where_the_witnesses_forget_too"),
            SET_BACK,
            histories::forked_away,
        ),
        script(
            "D-notices",
            "the operator's database",
            "deletes the notices of a request",
            World(
                "somebody watches the log with the watch key",
                "a_request_goes_unheard_where_nobody_watches_the_log",
            ),
            NONE,
            histories::notices_suppressed,
        ),
        script(
            "D-page",
            "a script in the portal",
            "turns \"please sign in\" into an approval",
            Switches(&[D::ChallengeIsTheStatement]),
            NONE,
            pages::asking_for_a_sign_in,
        ),
        script(
            "D-genesis",
            "a bribed clerk",
            "issues a deed on a key that nobody has shown",
            Switches(&[D::FirstKeysProve]),
            NONE,
            desks::naming_a_key,
        ),
        script(
            "D-second",
            "a bribed clerk",
            "issues the number a second time",
            Rules(
                "a living number has one pin",
                [
                    "crates/deed/tests/twins.rs",
                    "a_second_genesis_is_accepted_where_no_living_pin_is_remembered",
                ],
            ),
            NONE,
            desks::issuing_it_again,
        ),
        script(
            "D-ported",
            "a number stolen elsewhere",
            "ports it in and moves it on at once",
            Switches(&[D::Probation]),
            NONE,
            histories::ported_in,
        ),
        script(
            "D-history",
            "database and issuer's key",
            "replaces the whole history",
            Rules(
                "the pin follows the witnessed log",
                ["crates/deed/tests/twins.rs", "a_freshly_signed_history_is_legal_by_the_rules_alone"],
            ),
            NONE,
            histories::replaced,
        ),
        script(
            "D-bytes",
            "an exported history",
            "changes any byte of it",
            Switches(&[D::HistoryIsLogged]),
            NONE,
            histories::changed,
        ),
        script(
            "D-rollback",
            "the enforcement point's disk",
            "restores pins from before a change of SIM",
            Switches(&[D::ReplayOnStart]),
            SET_BACK,
            histories::restored,
        ),
        script(
            "D-withheld",
            "the owner's request, kept back",
            "hands it in after the owner's objection",
            Switches(&[D::ObjectionsVoid]),
            NONE,
            objections::withholding,
        ),
        script(
            "D-slot",
            "a desk's token",
            "fills the one slot for requests",
            Switches(&[D::OwnersOutrank]),
            NONE,
            objections::squatting,
        ),
        script(
            "D-form",
            "a consent overheard",
            "sends it again in the signature's second form",
            Switches(&[D::StatementsWorkOnce]),
            NONE,
            objections::in_another_form,
        ),
        script(
            "D-replay",
            "a hold on the owner's other number",
            "turns it against this one",
            Switches(&[D::StatementsNameTheirDeed, D::SeenIsOurs]),
            NONE,
            objections::of_another_number,
        ),
        script(
            "D-credential",
            "a passkey with the owner's credential id",
            "approves with it",
            Switches(&[D::KeyOfTheFactor]),
            NONE,
            pages::with_the_same_credential_id,
        ),
        script(
            "D-origin",
            "a subdomain, or a domain that was lost",
            "has the owner approve there",
            Switches(&[D::OriginIsOurs]),
            NONE,
            pages::on_another_origin,
        ),
        script(
            "D-frame",
            "a page that frames the move page",
            "has the owner approve in it",
            Switches(&[D::NoForeignFrame]),
            NONE,
            pages::in_a_frame,
        ),
        script(
            "D-erasure",
            "the public log",
            "looks for number and card in its leaves",
            Switches(&[D::TagsAreKeyed]),
            NONE,
            histories::read_by_strangers,
        ),
        script(
            "D-recycled",
            "a number issued again in its time",
            "looks for the old holder's deed",
            Rules(
                "a later generation is another deed, and names the end of the one before by its head alone",
                [
                    "crates/deed/tests/rules/generations.rs",
                    "a_later_generation_names_how_the_one_before_ended",
                ],
            ),
            NONE,
            recycling::in_its_time,
        ),
        script(
            "D-people",
            "one of three trusted people",
            "takes the number alone",
            Switches(&[D::PeopleSpeakTogether]),
            NONE,
            strangers::with_one_friend,
        ),
        script(
            "D-tenure",
            "the stolen phone",
            "makes it a company's number",
            Switches(&[D::OnePlaceWaits]),
            NONE,
            objections::of_tenure,
        ),
    ]
}

/// What no script reaches, and why.
pub(in crate::demo) const NOT_REACHED: &[(&str, &str, &str)] = &[
    (
        "A8",
        "eSIM QR phishing, self-service eSIM hijack",
        "comes with the doors it needs: no eSIM server here yet",
    ),
    ("A9", "device-to-device transfer of an eSIM", "comes with the doors it needs: no eSIM server here yet"),
    (
        "A11",
        "stolen phone, bare SIM",
        "comes with the doors it needs; `simward demo` plays what there is: PIN, suspension",
    ),
    ("A20", "call forwarding by USSD", "comes with the doors it needs: no calls and no USSD here yet"),
    (
        "D-donor",
        "the donor takes a ported number back",
        "no door yet: kind 10 waits ninety days for every number",
    ),
    (
        "D-lease",
        "a node cut off from the witnesses serves an older state",
        "there is one node yet; no lease between several",
    ),
    (
        "D-guardianship",
        "business, minor, heir",
        "marked as later in the description: only `tenure` is in the deed",
    ),
];

/// A defence in a word or two.
pub(super) fn defence(without: &Without) -> String {
    match without {
        Switches(all) => all.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>().join(" + "),
        World(what, _) | Rules(what, _) => (*what).into(),
    }
}

/// The test in which the defence is away and the attack gets through.
pub(super) fn twin(without: &Without) -> String {
    match without {
        Switches(_) => format!("{TWINS} every_script_gets_through_where_its_one_defence_is_away"),
        World(_, test) => format!("{TWINS} {test}"),
        Rules(_, [file, test]) => format!("{file} {test}"),
    }
}

/// The table of docs/attacks-numbers.md.
pub(super) fn markdown(scripts: &[Script], played: &[Played]) -> String {
    let mut out = String::from(
        "| attack | attacker holds | does | came of it | defence | stolen-code minutes | no-service minutes, at most |\n|---|---|---|---|---|---|---|\n",
    );
    for (script, played) in scripts.iter().zip(played) {
        let what = match &played.outcome {
            Outcome::Refused(by) => format!("refused: {by}"),
            Outcome::Through(how) => format!("**succeeded**: {how}"),
            Outcome::Unplayed(why) => format!("**not played**: {why}"),
        };
        let within = if played.no_service_minutes <= script.bound.0 {
            format!("{}", script.bound.0)
        } else {
            format!("**{}** > {}", played.no_service_minutes, script.bound.0)
        };
        out += &format!(
            "| {} | {} | {} | {what} | {} | {} | {within} |\n",
            script.id,
            script.who,
            script.does,
            defence(&script.without),
            played.stolen_code_minutes,
        );
    }
    for (id, what, why) in NOT_REACHED {
        out += &format!("| {id} | – | {what} | not reached: {why} | – | – | – |\n");
    }
    let mut bounds: Vec<(u64, &str)> = scripts.iter().map(|script| script.bound).collect();
    bounds.sort_unstable();
    bounds.dedup();
    out += "\n| no-service minutes, at most | why |\n|---|---|\n";
    for (minutes, why) in bounds {
        out += &format!("| {minutes} | {why} |\n");
    }
    out
}

/// Lines and sums for people.
pub(super) fn print(scripts: &[Script], played: &[Played], only: Option<&str>) {
    for (script, played) in scripts.iter().zip(played) {
        let (outcome, by) = match &played.outcome {
            Outcome::Refused(by) if played.good(script) => ("refused", by.as_str()),
            Outcome::Refused(by) => ("COSTS", by.as_str()),
            Outcome::Through(how) => ("SUCCEEDED", *how),
            Outcome::Unplayed(why) => ("STUCK", why.as_str()),
        };
        println!(
            "  {:<12} {:<45} {:<52} {outcome:<9} stolen {} · no service {} of {}  [{}]  ({by})",
            script.id,
            script.who,
            script.does,
            played.stolen_code_minutes,
            played.no_service_minutes,
            script.bound.0,
            defence(&script.without),
        );
    }
    if only.is_none() {
        for (id, what, why) in NOT_REACHED {
            println!("  {id:<12} {what:<98} not reached  ({why})");
        }
    }
    let nothing = scripts.iter().zip(played).filter(|(script, played)| played.good(script)).count();
    let sum = |of: fn(&Played) -> u64| played.iter().map(of).sum::<u64>();
    println!();
    println!("    {nothing} of {} attacks came to nothing (test deed)", scripts.len());
    println!(
        "    stolen-code minutes: {} · no-service minutes: {}, each within its bound",
        sum(|p| p.stolen_code_minutes),
        sum(|p| p.no_service_minutes)
    );
}
