//! Zones, as far as a stub resolver can tell them: names below one domain mostly have the same name servers, which are
//! silent for all of them or for none.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Lookups in a row that a zone left unanswered after which it is left alone.
const SILENT_MAX: u32 = 8;
/// Labels of a country's second level are as short as this ("co.uk", "com.au"): below them there is another zone.
const SECOND_LEVEL_OCTETS_MAX: usize = 3;

/// The zone that a name is taken to lie in: its last two labels, or three below a country's second level.
pub(super) fn zone_of(host: &str) -> &str {
    let host = host.strip_suffix('.').unwrap_or(host);
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    let (Some(last), Some(second)) = (dots.next(), dots.next()) else { return host };
    let is_country = host.len() - last - 1 == 2;
    let start =
        if is_country && last - second - 1 <= SECOND_LEVEL_OCTETS_MAX { dots.next() } else { Some(second) };
    start.map_or(host, |dot| &host[dot + 1..])
}

/// What is known of one.
#[derive(Debug)]
struct Zone {
    /// Places for its lookups; closed with it, so that nobody waits for one any more.
    places: Arc<Semaphore>,
    places_max: usize,
    /// Lookups under way, or waiting for a place.
    asking: usize,
    /// Unanswered ones in a row.
    silent: u32,
    /// It is left alone: until when, and the how many-th time in a row.
    closed: Option<(Instant, u32)>,
}

/// All zones with lookups under way or with something to remember.
#[derive(Debug, Default)]
pub(super) struct Zones(HashMap<Box<str>, Zone>);

/// What an end changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// It is left alone, for so long.
    Closed(Duration),
    /// It answers again.
    Opened,
}

impl Zones {
    /// A lookup wants to start: its zone's places, of which it needs one. `None`: the zone is left alone. One that comes when
    /// that is over is the only one for as long again.
    pub(super) fn starts(
        &mut self,
        zone: &str,
        now: Instant,
        places: usize,
        pause: (Duration, Duration),
    ) -> Option<Arc<Semaphore>> {
        if !self.0.contains_key(zone) {
            let new = Zone {
                places: Arc::new(Semaphore::new(places)),
                places_max: places,
                asking: 0,
                silent: 0,
                closed: None,
            };
            self.0.insert(zone.into(), new);
        }
        let zone = self.0.get_mut(zone)?;
        if let Some((until, times)) = &mut zone.closed {
            if now < *until {
                return None;
            }
            *until = now + doubled(pause, *times);
        }
        zone.asking += 1;
        Some(Arc::clone(&zone.places))
    }

    /// A lookup has ended: it was answered, or not, or (`None`) nobody was asked.
    pub(super) fn ended(
        &mut self,
        zone: &str,
        now: Instant,
        answered: Option<bool>,
        pause: (Duration, Duration),
    ) -> Change {
        let Some(known) = self.0.get_mut(zone) else { return Change::Nothing };
        known.asking = known.asking.saturating_sub(1);
        let mut change = Change::Nothing;
        match answered {
            Some(true) => {
                known.silent = 0;
                if known.closed.take().is_some() {
                    change = Change::Opened;
                }
            }
            Some(false) => {
                known.silent = known.silent.saturating_add(1);
                let times = match known.closed {
                    // Another that was under way when it was closed.
                    Some((until, times)) if known.asking > 0 => Some((until, times)),
                    Some((_, times)) => Some((now + doubled(pause, times + 1), times + 1)),
                    None if known.silent >= SILENT_MAX => Some((now + pause.0, 1)),
                    None => None,
                };
                if known.closed.is_none()
                    && let Some((until, _)) = times
                {
                    change = Change::Closed(until - now);
                    known.places.close();
                    known.places = Arc::new(Semaphore::new(known.places_max));
                }
                known.closed = times;
            }
            None => {}
        }
        if known.asking == 0 && known.silent == 0 && known.closed.is_none() {
            self.0.remove(zone);
        }
        change
    }

    /// Forgets those with nothing under way whose time is over, once there are more than `most`; all with nothing under way,
    /// if there are still too many.
    pub(super) fn bound(&mut self, now: Instant, most: usize) {
        if self.0.len() <= most {
            return;
        }
        self.0.retain(|_, zone| zone.asking > 0 || zone.closed.is_some_and(|(until, _)| until > now));
        if self.0.len() > most {
            self.0.retain(|_, zone| zone.asking > 0);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The pause of the how many-th time in a row, which is twice as long each time.
pub(super) fn doubled((first, most): (Duration, Duration), times: u32) -> Duration {
    first.saturating_mul(1 << times.saturating_sub(1).min(16)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

    #[test]
    fn a_zone_is_what_mostly_has_name_servers_of_its_own() {
        for (host, zone) in [
            ("localhost", "localhost"),
            ("example.net", "example.net"),
            ("a.example.net", "example.net"),
            ("a.b.example.net", "example.net"),
            ("push.example.co.uk", "example.co.uk"),
            ("example.co.uk", "example.co.uk"),
            ("co.uk", "co.uk"),
            ("a.push.example.de", "example.de"),
            ("a.com.au", "a.com.au"),
            ("updates.push.services.mozilla.com", "mozilla.com"),
            ("updates.push.services.mozilla.com.", "mozilla.com"),
        ] {
            assert_eq!(zone_of(host), zone, "{host}");
        }
    }

    #[test]
    fn a_zone_that_never_answers_is_left_alone_for_longer_each_time() {
        let mut now = Instant::now();
        let mut zones = Zones::default();
        let started = |zones: &mut Zones, now| zones.starts("z", now, 4, PAUSE).is_some();
        for number in 1..=SILENT_MAX {
            assert!(started(&mut zones, now));
            let closed = zones.ended("z", now, Some(false), PAUSE);
            let expected = if number < SILENT_MAX { Change::Nothing } else { Change::Closed(PAUSE.0) };
            assert_eq!(closed, expected);
        }
        for seconds in [5, 10, 20, 40, 60, 60] {
            assert!(!started(&mut zones, now + Duration::from_secs(seconds) - Duration::from_millis(1)));
            now += Duration::from_secs(seconds);
            assert!(started(&mut zones, now), "one looks whether it has come back");
            assert!(!started(&mut zones, now), "and no other");
            assert_eq!(zones.ended("z", now, Some(false), PAUSE), Change::Nothing);
        }
        now += PAUSE.1;
        assert!(started(&mut zones, now));
        assert_eq!(zones.ended("z", now, Some(true), PAUSE), Change::Opened);
        assert_eq!(zones.len(), 0, "nothing is left to remember");
    }

    #[test]
    fn an_answer_begins_the_count_anew_and_what_was_not_asked_does_not_count() {
        let now = Instant::now();
        let mut zones = Zones::default();
        for _ in 0..100 {
            for answered in [Some(false), Some(false), None, Some(true)] {
                assert!(zones.starts("z", now, 4, PAUSE).is_some());
                assert_eq!(zones.ended("z", now, answered, PAUSE), Change::Nothing);
            }
        }
    }

    #[test]
    fn zones_are_bounded() {
        let now = Instant::now();
        let mut zones = Zones::default();
        for number in 0..20 {
            let zone = number.to_string();
            zones.starts(&zone, now, 4, PAUSE);
            if number > 0 {
                zones.ended(&zone, now, Some(false), PAUSE);
            }
            zones.bound(now, 10);
            assert!(zones.len() <= 10);
        }
        assert!(zones.0.contains_key("0"), "something is under way");
    }
}
