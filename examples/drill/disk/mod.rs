//! A disk that fills, on small real file systems: by what the server writes and by somebody else's file, down to the last
//! octet, while Sends are under way. Then room is made, and the server is stopped, killed and started, in every order.
//!
//! What must hold: below the reserve everything that is refused is refused in words, and the server is not ready; it goes
//! on by itself once there is room; a start on a full disk says so and harms nothing; and whatever was accepted arrives,
//! and is told to have.

mod play;
mod volume;

use std::time::Duration;

use serde::Serialize;

use self::play::{Act, Fill, LONG, SHORT, Scenario};
use self::volume::Kind;
use crate::checks::Checks;
use crate::stage::{Configuration, Stage};

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Figures {
    scenarios: usize,
    file_systems: Vec<&'static str>,
    /// Those that this machine cannot mount, and why.
    not_tried: Vec<String>,
    accepted: usize,
    /// Sends that were refused in words, and otherwise.
    refused_for_the_disk: usize,
    refused_otherwise: usize,
    /// Accepted, and then not told to have ended ACCEPTED.
    lost: usize,
    /// Told to have, and not arrived.
    not_arrived: usize,
    subscriptions_lost: usize,
    /// Servers that did not stop in order while the disk was full.
    stops_failed: usize,
    /// Starts on a full disk that were refused in words.
    starts_refused: usize,
    /// Stores that did not open although there was room.
    never_opened: usize,
    /// Servers that did not go on by themselves although there was room.
    never_healed: usize,
    /// From making room to being ready, at most.
    healed_seconds_max: f64,
    /// What the log grew by for each Send, 15 at once, at most: of 60 octets, and of 1 KB.
    octets_per_short_send: u64,
    octets_per_long_send: u64,
}

struct Drill {
    stage: Stage,
    figures: Figures,
    checks: Checks,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool) -> anyhow::Result<Vec<String>> {
    let stage = Stage::set(&Configuration::default()).await?;
    let mut drill = Drill { stage, figures: Figures::default(), checks: Checks::default() };
    let kinds: &[(Kind, u64)] = if short {
        &[(Kind::Tmpfs, 16), (Kind::Ext4, 32)]
    } else {
        &[(Kind::Tmpfs, 12), (Kind::Tmpfs, 16), (Kind::Tmpfs, 64), (Kind::Ext4, 32), (Kind::Fuse2fs, 32)]
    };
    for (kind, mebibytes) in kinds {
        for scenario in scenarios(short) {
            if let Err(why) = drill.play(*kind, *mebibytes, &scenario).await? {
                eprintln!("{} is NOT TRIED: {why:#}", kind.name());
                drill.checks.check(*kind != Kind::Tmpfs, || format!("mount needs root: {why:#}"));
                drill.figures.not_tried.push(format!("{}: {why:#}", kind.name()));
                break;
            }
            if !drill.figures.file_systems.contains(&kind.name()) {
                drill.figures.file_systems.push(kind.name());
            }
        }
    }
    let Figures { octets_per_short_send, octets_per_long_send, .. } = drill.figures;
    for (what, most, bound) in [
        ("short", octets_per_short_send, OCTETS_PER_SHORT_SEND_MAX),
        ("long", octets_per_long_send, OCTETS_PER_LONG_SEND_MAX),
    ] {
        drill.checks.check(most > 0 && most <= bound, || {
            format!("a {what} Send leaves up to {most} octets on disk, more than {bound}")
        });
    }
    let Drill { stage, figures, checks } = drill;
    stage.clear().await?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

/// What is done, in which order.
fn scenarios(short: bool) -> Vec<Scenario> {
    use Act::{FullStart, Heal, HeedlessStart, Kill, Room, Start, Stop};
    let own_of =
        |text_octets, acts: &[Act]| Scenario { fill: Fill::Own { text_octets }, acts: acts.to_vec() };
    let own = |acts: &[Act]| own_of(LONG, acts);
    let others = |but: u64, acts: &[Act]| Scenario { fill: Fill::Others { but }, acts: acts.to_vec() };
    let few = vec![
        own_of(SHORT, &[Room, Heal]),
        own(&[Stop, FullStart, FullStart, Room, Start]),
        others(0, &[Room, Heal]),
        others(0, &[Kill, FullStart, Room, Start]),
        others(0, &[Stop, HeedlessStart, FullStart, Room, Start]),
    ];
    if short {
        return few;
    }
    let mut all = few;
    all.extend([
        own(&[Kill, FullStart, Room, Start]),
        own(&[Kill, Room, Start]),
        own(&[Room, Kill, Start]),
        own(&[Room, Stop, Start]),
        own(&[Stop, HeedlessStart, HeedlessStart, Room, Start]),
        own(&[Kill, HeedlessStart, Room, Start]),
        others(0, &[Room, Kill, Start]),
        others(0, &[Stop, FullStart, Room, Start]),
        others(0, &[Kill, HeedlessStart, HeedlessStart, FullStart, Room, Start]),
        others(4 << 10, &[Room, Heal]),
        others(256 << 10, &[Kill, HeedlessStart, Room, Start]),
        others(1 << 20, &[Stop, FullStart, Room, Start]),
        others(2 << 20, &[Room, Heal]),
    ]);
    all
}

/// What the log may grow by for each Send, 15 at once, in octets: of 60 octets, and of 1 KB.
const OCTETS_PER_SHORT_SEND_MAX: u64 = 1_600;
const OCTETS_PER_LONG_SEND_MAX: u64 = 2_900;
/// Within this, a server is ready once there is room, and what was accepted has ended.
const HEAL_TIMEOUT: Duration = Duration::from_secs(30);
