use std::collections::HashSet;
use std::time::Duration;

use super::*;
use crate::domain::Timestamp;
use crate::webpush::outcome::table::{Evidence, RULES};
use crate::webpush::outcome::{Answer, Circumstances, classify, fits};

fn usual(service: PushService) -> Circumstances {
    Circumstances {
        service,
        subscription_age: Duration::from_secs(30 * 24 * 3_600),
        attempt: 1,
        body_octets: 3_500,
        now: Timestamp::from_secs(1_800_000_000),
    }
}

#[test]
fn each_means_what_it_says() {
    for known in all() {
        let verdict = classify(&known.response(), &usual(known.service));
        let case = format!("{:?} {} ({})", known.service, known.name, known.source);
        assert_eq!((verdict.outcome, verdict.signal), (known.outcome, known.signal), "{case}");
    }
}

#[test]
fn names_are_unique_and_all_services_have_some() {
    let mut names = HashSet::new();
    for known in all() {
        assert!(names.insert((known.service, known.name)), "{} twice", known.name);
        assert!(
            known
                .name
                .bytes()
                .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'_')
        );
        assert!(!known.source.is_empty(), "{}", known.name);
        assert_eq!(find(known.service, known.name), Some(known));
    }
    for service in
        [PushService::Fcm, PushService::Mozilla, PushService::Apple, PushService::Wns, PushService::Other]
    {
        assert!(all().filter(|known| known.service == service).count() >= 10, "{service:?}");
    }
    assert_eq!(find(PushService::Fcm, "nonsense"), None);
}

/// A row of the table that looks at words has an answer with them, so that it has a source and a test.
#[test]
fn every_row_with_words_has_an_answer() {
    let mut reasons = HashSet::new();
    let mut used = HashSet::new();
    for known in all() {
        let (response, circumstances) = (known.response(), usual(known.service));
        let answer = Answer::read(&response);
        used.extend(RULES.iter().position(|rule| fits(rule, response.status, &answer, &circumstances)));
        reasons.insert(answer.reason().to_owned());
    }
    for (number, rule) in RULES.iter().enumerate() {
        match rule.evidence {
            Evidence::StatusAlone | Evidence::Young => continue,
            Evidence::Reason(all) => assert!(all.iter().all(|it| reasons.contains(*it)), "{rule:?}"),
            Evidence::Silent
            | Evidence::Page
            | Evidence::Via
            | Evidence::OfProxy
            | Evidence::AnyReason
            | Evidence::Says(_)
            | Evidence::Errno(_)
            | Evidence::Code(..)
            | Evidence::WnsStatus(_) => {}
        }
        assert!(used.contains(&number), "nothing uses {rule:?}");
    }
}
