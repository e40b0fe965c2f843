//! What a run came to, and whether that is what must hold.

use serde::Serialize;

use super::ledger::{Fate, Note};
use super::measure::{Accepted, finite, median, quantile, share_within};
use super::share::{APPLICATIONS, Message, Run};
use super::{FIRST_CONTACT_SECONDS, KEPT_MIN, P99_MAX, P99_SLACK_SECONDS, WITHIN_SECONDS};
use crate::checks::Checks;

/// POSTs to a bad endpoint, on average: while the waits grow, and for each longest wait.
const POSTS_FIRST: f64 = 6.0;
const POSTS_EACH: f64 = 4.0;
/// Retries come up to so much later than the longest wait: an eighth at random, and rounded up to another.
const LATER: f64 = 81.0 / 64.0;

/// Of a run.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    percent: f64,
    /// Between two broadcasts to each.
    interval_seconds: f64,
    origins: Vec<OfCell>,
}

/// What the healthy ones of one application at one origin saw.
#[derive(Debug, Serialize)]
struct OfCell {
    kind: String,
    application: &'static str,
    bad: usize,
    is_judged: bool,
    /// Until the last healthy one had a broadcast that bad ones were first tried with.
    first_contact_seconds: Option<f64>,
    broadcasts: Seen,
    sends: Seen,
    /// For each bad one.
    posts: f64,
    posts_max: f64,
    /// Until the last of those that became good had a message.
    recovered_seconds: Option<f64>,
}

/// What the healthy ones had of broadcasts, or of Sends, that are judged.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Seen {
    /// Share accepted within [`WITHIN_SECONDS`], of what it is at clean origins.
    kept: f64,
    /// From acceptance to outcome; of broadcasts the median over all.
    p99_seconds: Option<f64>,
    /// Of that of a clean origin.
    p99_ratio: Option<f64>,
}

/// Before it is compared.
struct Raw {
    /// Until the last had what was sent before each bad one had failed.
    contact: f64,
    /// Broadcasts, and Sends.
    within: [f64; 2],
    p99: [f64; 2],
}

/// Compares each origin with the clean ones.
pub(super) fn judge(run: &Run, share: f64, notes: &[Note], checks: &mut Checks) -> Figures {
    let percent = share * 100.0;
    let accepted = Accepted::of(notes);
    let raw: Vec<Raw> = (0..run.cells.len()).map(|place| raw(run, place, &accepted)).collect();
    for half in &run.halves {
        checks.check(half.untried == 0, || format!("{percent} %: {} bad ones were not tried", half.untried));
    }
    let clean = (0..run.cells.len()).filter(|place| run.kinds[place / 2].is_clean());
    let least = clean.flat_map(|place| raw[place].within).fold(1.0, f64::min);
    checks.check(least >= KEPT_MIN, || {
        format!(
            "{percent} %: this machine is too busy: only {:.1} % are in time at a clean origin",
            least * 100.0
        )
    });
    let mut origins = Vec::new();
    for (place, of) in raw.iter().enumerate() {
        let kind = &run.kinds[place / 2];
        let clean: Vec<&Raw> = (0..run.cells.len())
            .filter(|other| other % 2 == place % 2 && run.kinds[other / 2].is_clean())
            .map(|other| &raw[other])
            .collect();
        let seen = [0, 1].map(|which| {
            let worst = clean.iter().map(|clean| clean.p99[which]).fold(0.0, f64::max);
            let within = clean.iter().map(|clean| clean.within[which]).sum::<f64>() / clean.len() as f64;
            let kept = of.within[which] / within.max(f64::MIN_POSITIVE);
            (kept, of.p99[which], worst)
        });
        let name = format!("{percent} %, {}, {}", kind.name, APPLICATIONS[place % 2]);
        let contact_of_clean = clean.iter().map(|clean| clean.contact).fold(0.0, f64::max);
        if kind.is_judged && !kind.is_clean() {
            for (what, (kept, p99, worst)) in ["broadcasts", "Sends"].into_iter().zip(seen) {
                checks.check(kept >= KEPT_MIN, || {
                    format!("{name}: the healthy ones keep {:.1} % of {what}", kept * 100.0)
                });
                checks.check(p99.is_finite() && p99 <= worst * P99_MAX + P99_SLACK_SECONDS, || {
                    format!("{name}: p99 of {what} is {p99:.3} s, of a clean origin {worst:.3} s")
                });
            }
            let hangs = if kind.hangs() { f64::from(run.size.deadline) } else { 0.0 };
            let most = contact_of_clean + FIRST_CONTACT_SECONDS + hangs;
            checks.check(of.contact <= most, || {
                format!("{name}: first contact takes {:.1} s, {most:.1} s at most", of.contact)
            });
        }
        let (posts, posts_max) = posts(run, place);
        checks.check(!kind.is_judged || posts <= posts_max, || {
            format!("{name}: {posts:.1} POSTs to each bad one, {posts_max:.1} at most")
        });
        let recovered = recovered(run, place, notes);
        let most = f64::from(run.size.retry_max) * LATER + run.interval.as_secs_f64() + WITHIN_SECONDS;
        checks.check(!kind.is_judged || kind.may_be_final || recovered <= most, || {
            format!("{name}: those that became good recover after {recovered:.1} s, {most:.1} s at most")
        });
        let [broadcasts, sends] = seen.map(|(kept, p99, worst)| Seen {
            kept,
            p99_seconds: finite(p99),
            p99_ratio: finite(p99 / worst),
        });
        origins.push(OfCell {
            kind: kind.name.clone(),
            application: APPLICATIONS[place % 2],
            bad: run.halves[0].bad[place].len(),
            is_judged: kind.is_judged,
            first_contact_seconds: finite(of.contact),
            broadcasts,
            sends,
            posts,
            posts_max,
            recovered_seconds: finite(recovered),
        });
    }
    tell(&origins);
    Figures { percent, interval_seconds: run.interval.as_secs_f64(), origins }
}

fn tell(origins: &[OfCell]) {
    let number = |value: Option<f64>, scale: f64| {
        value.map_or("never".to_owned(), |value| format!("{:.2}", value * scale))
    };
    eprintln!(
        "  {:<9} {:<8} {:>4} {:>8} | {:>7} {:>6} {:>6} | {:>7} {:>6} {:>6} | {:>6} {:>9}",
        "kind",
        "of",
        "bad",
        "contact",
        "kept",
        "p99 s",
        "ratio",
        "kept",
        "p99 s",
        "ratio",
        "POSTs",
        "recovered"
    );
    for of in origins {
        eprintln!(
            "  {:<9} {:<8} {:>4} {:>8} | {:>5.1} % {:>6} {:>6} | {:>5.1} % {:>6} {:>6} | {:>6.1} {:>9}",
            format!("{}{}", of.kind, if of.is_judged { "" } else { "*" }),
            of.application,
            of.bad,
            number(of.first_contact_seconds, 1.0),
            of.broadcasts.kept * 100.0,
            number(of.broadcasts.p99_seconds, 1.0),
            number(of.broadcasts.p99_ratio, 1.0),
            of.sends.kept * 100.0,
            number(of.sends.p99_seconds, 1.0),
            number(of.sends.p99_ratio, 1.0),
            of.posts,
            number(of.recovered_seconds, 1.0),
        );
    }
    eprintln!("  * takes whole connections with it, and is not judged");
}

/// Of those of a cell who were never bad up to then.
fn raw(run: &Run, place: usize, accepted: &Accepted) -> Raw {
    let healthy: [Vec<u32>; 2] = [0, 1].map(|half: usize| {
        let bad = |number: &u32| run.halves[..=half].iter().any(|half| half.bad[place].contains(number));
        run.cells[place].numbers().filter(|number| !bad(number)).collect()
    });
    let seconds = |message: &Message, numbers: &[u32]| -> Vec<f64> {
        let sent = message.sent;
        numbers.iter().map(|number| accepted.seconds(sent.message, sent.micros, *number)).collect()
    };
    let (mut contact, mut p99s): (f64, Vec<f64>) = (0.0, Vec::new());
    let (mut broadcasts, mut sends): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    for message in run.messages.iter().filter(|message| message.cell == place) {
        let healthy = &healthy[message.half];
        match message.to {
            None if message.is_judged => {
                let mut round = seconds(message, healthy);
                p99s.push(quantile(&mut round, 0.99));
                broadcasts.append(&mut round);
            }
            None => contact = seconds(message, healthy).into_iter().fold(contact, f64::max),
            Some(to) if message.is_judged && healthy.contains(&to) => sends.extend(seconds(message, &[to])),
            Some(_) => {}
        }
    }
    let within = [share_within(&broadcasts, WITHIN_SECONDS), share_within(&sends, WITHIN_SECONDS)];
    Raw { contact, within, p99: [median(&mut p99s), quantile(&mut sends, 0.99)] }
}

/// POSTs to each bad one, and how many there may be: in the half in which there were more.
fn posts(run: &Run, place: usize) -> (f64, f64) {
    let kind = &run.kinds[place / 2];
    let mut worst = (0.0, 0.0);
    for (number, half) in run.halves.iter().enumerate() {
        let bad = &half.bad[place];
        if bad.is_empty() {
            continue;
        }
        let count = bad.len() as f64;
        let mut most = POSTS_FIRST + POSTS_EACH * half.seconds / f64::from(run.size.retry_max);
        if kind.attempts > 0 {
            let of_half = run.messages.iter().filter(|of| of.cell == place && of.half == number);
            let to =
                |message: &Message| message.to.map_or(count, |to| f64::from(u8::from(bad.contains(&to))));
            // The token that is signed once more makes one POST more.
            most = most.max(of_half.map(to).sum::<f64>() / count * f64::from(kind.attempts) + 1.0);
        }
        let posts = half.refused_posts[place] / count;
        if most - posts < worst.1 - worst.0 || worst.1 <= 0.0 {
            worst = (posts, most);
        }
    }
    worst
}

/// Seconds until the last of those that were bad in the first half had something in the second.
fn recovered(run: &Run, place: usize, notes: &[Note]) -> f64 {
    let since = run.halves[1].micros;
    let mut worst: f64 = 0.0;
    for number in &run.halves[0].bad[place] {
        let accepted = notes.iter().filter(|note| note.fate == Fate::Accepted && note.subscriber == *number);
        let first = accepted.map(|note| note.micros).filter(|micros| *micros >= since).min();
        worst = worst.max(first.map_or(f64::INFINITY, |first| (first - since) as f64 / 1e6));
    }
    worst
}
