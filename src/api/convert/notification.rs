//! The structured notification to the JSON that browsers and service workers show.

use super::{json, time};
use crate::api::validate::known;
use crate::domain::Violations;
use crate::proto::v1;
use crate::webpush::notification::{Notification, NotificationAction, TextDirection};

/// Reads a notification whose path is `field`: the JSON text to encrypt.
pub(crate) fn read(violations: &mut Violations, field: &str, given: &v1::Notification) -> Option<String> {
    let before = violations.len();
    let v1::Notification {
        title,
        body,
        icon,
        image,
        badge,
        sound,
        lang,
        dir,
        tag,
        renotify,
        silent,
        require_interaction,
        vibrate,
        timestamp,
        data,
        actions,
        navigate,
        app_badge,
        mutable,
    } = given.clone();
    let dir = known(violations, &format!("{field}.dir"), dir, |dir| {
        Some(match dir {
            v1::TextDirection::Unspecified => None,
            v1::TextDirection::Auto => Some(TextDirection::Auto),
            v1::TextDirection::Ltr => Some(TextDirection::Ltr),
            v1::TextDirection::Rtl => Some(TextDirection::Rtl),
        })
    });
    let timestamp =
        timestamp.and_then(|at| violations.check(&format!("{field}.timestamp"), time::read_timestamp(at)));
    let data = data.and_then(|data| json::read(violations, &format!("{field}.data"), &data));
    let action = |v1::NotificationAction { action, title, icon, navigate }| NotificationAction {
        action,
        title,
        icon,
        navigate,
    };
    let notification = Notification {
        title,
        body,
        icon,
        image,
        badge,
        sound,
        lang,
        dir: dir.flatten(),
        tag,
        renotify,
        silent,
        require_interaction,
        vibrate,
        timestamp,
        data: data.unwrap_or_default(),
        actions: actions.into_iter().map(action).collect(),
        navigate,
        app_badge,
        mutable,
    };
    notification.check(field, violations);
    if violations.len() > before {
        return None;
    }
    violations.check(field, notification.to_json())
}
