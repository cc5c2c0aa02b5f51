//! The table: every attack of the list, who makes it, what is in its way, and what it may cost.

use super::Without::{Rules, Switches, World};
use super::hands::story;
use super::{Outcome, Script, Without, cases};
use super::{clocks, desks, keepers, leaving, objections, phones, portal, recycling, rows, strangers};
use crate::demo::DemoError;
use crate::demo::attacks;
use crate::demo::cast::Cast;
use deed::defence::Defence as D;

type Play = fn(&mut Cast) -> Result<Outcome, DemoError>;

/// The line goes on, whatever is tried.
pub(super) const NONE: (u64, &str) = (0, "the owner's card is served all the time");
/// The owner has suspended the line himself.
const OWN_HOLD: (u64, &str) =
    (30, "the owner has suspended the line; his stand-by card wakes in a quarter of an hour after the duel");
/// Nobody is served from a node that was set back.
pub(super) const SET_BACK: (u64, &str) =
    (20, "nobody is served from a node that was set back, until the right copies are there");

/// A row.
pub(super) const fn script(
    id: &'static str,
    who: &'static str,
    does: &'static str,
    without: Without,
    bound: (u64, &'static str),
    play: Play,
) -> Script {
    Script { id, who, does, without, bound, play }
}

/// All of them, in the order of the list.
pub(in crate::demo) fn scripts() -> Vec<Script> {
    [listed(), cases::of_the_deed()].into_iter().flatten().collect()
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
