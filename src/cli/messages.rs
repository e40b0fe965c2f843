//! `fanfare messages`.

use clap::{Args, Subcommand, ValueEnum};

use super::cancel::CancelArgs;
use super::connection::Connection;
use super::failure::Failure;
use super::json::ProtoJson;
use super::output;
use super::table::{Cell, Table, Tone, counted};
use super::times::{self, When};
use super::view::{message_state_name, outcome_name};
use crate::domain::text::escaped;
use crate::proto::v1::{
    Caller, DeliveryCounts, GetMessageRequest, ListMessagesRequest, MessageKind, MessageState, MessageStatus,
};

/// Finds messages, shows who sent them to whom and what became of them, and cancels them
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare messages list                          the newest 50
  fanfare messages list --since 2h --kind broadcast
  fanfare messages list --by orders --state sending --state scheduled
  fanfare messages list --user alice --since 2026-01-31T08:00:00Z --until 2026-01-31T09:00:00Z
  fanfare messages list --note 'spring sale' --limit 0 --json
  fanfare messages show messages/018f…
  fanfare messages cancel messages/018f…
  fanfare deliveries messages/018f… --state failed

A note is what --note of `fanfare send` and `broadcast` says, and Message.note of the API. Who sent a message is the API token
that was used (by its name, or what it is called), a client certificate, or \"anonymous\" while no credentials are asked for.")]
pub(super) struct MessagesArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// Prints a line for each, the newest first
    List(Box<ListArgs>),
    /// Shows all that is known of one
    Show {
        #[command(flatten)]
        connection: Connection,
        /// messages/{id}
        message: String,
    },
    /// Stops one: what has not been attempted is not sent any more
    Cancel(CancelArgs),
}

#[derive(Args, Clone, Debug)]
struct ListArgs {
    #[command(flatten)]
    connection: Connection,
    /// Only those that name this user: sends to the user or to a subscription of theirs, and broadcasts to a list of users that
    /// has this one among its first 8. Not broadcasts to a topic or to everyone
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Only those that were accepted then or later: in RFC 3339, or how long ago, for example 2h
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    since: Option<When>,
    /// Only those that were accepted before: as --since
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    until: Option<When>,
    /// Only of this caller: apiTokens/{id} or what the token is called, or \"certificate …\"
    #[arg(long, value_name = "CALLER", default_value = "")]
    by: String,
    /// Only in this state; may be repeated
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<StateName>,
    /// Only of this kind
    #[arg(long)]
    kind: Option<KindName>,
    /// Only those whose note has this text in it, whatever the case of its letters
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// At most so many; 0: all
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
}

/// [`MessageState`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StateName {
    Scheduled,
    Sending,
    Cancelling,
    Done,
    Cancelled,
}

impl From<StateName> for MessageState {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Scheduled => Self::Scheduled,
            StateName::Sending => Self::Sending,
            StateName::Cancelling => Self::Cancelling,
            StateName::Done => Self::Done,
            StateName::Cancelled => Self::Cancelled,
        }
    }
}

/// [`MessageKind`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindName {
    Send,
    Broadcast,
}

impl MessagesArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::List(args) => args.run().await,
            Action::Show { connection, message } => show(&connection, message).await,
            Action::Cancel(args) => args.run().await,
        }
    }
}

impl ListArgs {
    fn request(&self) -> ListMessagesRequest {
        let kind = match self.kind {
            None => MessageKind::Unspecified,
            Some(KindName::Send) => MessageKind::Send,
            Some(KindName::Broadcast) => MessageKind::Broadcast,
        };
        ListMessagesRequest {
            application: self.connection.application.clone(),
            states: self.states.iter().map(|state| MessageState::from(*state).into()).collect(),
            kind: kind.into(),
            caller: self.by.clone(),
            note: self.note.clone(),
            user_id: self.user.clone().unwrap_or_default(),
            start_time: self.since.map(Into::into),
            end_time: self.until.map(Into::into),
            ..ListMessagesRequest::default()
        }
    }

    async fn run(self) -> Result<(), Failure> {
        let json = self.connection.json.then(|| ProtoJson::of("fanfare.v1.MessageStatus")).transpose()?;
        let mut table =
            Table::new(&["ACCEPTED", "MESSAGE", "KIND", "STATE", "DELIVERIES", "BY", "FOR", "NOTE"]);
        let mut client = self.connection.open().await?;
        let mut request = self.request();
        let mut left = if self.limit == 0 { usize::MAX } else { self.limit };
        loop {
            request.page_size = i32::try_from(left).unwrap_or(i32::MAX);
            let page = client.list_messages(request.clone()).await?.into_inner();
            for message in page.messages.iter().take(left) {
                match &json {
                    Some(writer) => output::line(writer.write(message)?)?,
                    None => table.add(row(message)),
                }
            }
            table.print()?;
            left = left.saturating_sub(page.messages.len());
            if page.next_page_token.is_empty() {
                return Ok(());
            }
            if left == 0 {
                output::note("there may be older ones: --limit 0 lists all");
                return Ok(());
            }
            request.page_token = page.next_page_token;
        }
    }
}

/// A message in the columns of the list.
fn row(message: &MessageStatus) -> Vec<Cell> {
    let counts = message.counts.unwrap_or_default();
    vec![
        times::shown(message.create_time).into(),
        message.name.as_str().into(),
        kind_name(message.kind()).into(),
        Cell::toned(message_state_name(message.state()), Some(tone(message.state(), &counts))),
        deliveries(&counts).into(),
        message.caller.as_ref().map(caller_name).unwrap_or_default().into(),
        message.recipients.as_ref().map_or("", |of| &of.description).into(),
        message.note.as_str().into(),
    ]
}

/// Whether all is well with it.
fn tone(state: MessageState, counts: &DeliveryCounts) -> Tone {
    match state {
        MessageState::Unspecified
        | MessageState::Scheduled
        | MessageState::Sending
        | MessageState::Cancelling => Tone::Open,
        MessageState::Done if counts.failed == 0 && counts.expired == 0 => Tone::Good,
        MessageState::Done | MessageState::Cancelled => Tone::Bad,
    }
}

/// `3 of 4 accepted, 1 failed`.
fn deliveries(counts: &DeliveryCounts) -> String {
    let about = if counts.targets_estimated { "about " } else { "" };
    let mut words = vec![format!("{} of {about}{} accepted", counts.accepted, counts.targets)];
    for (what, count) in [
        ("failed", counts.failed),
        ("expired", counts.expired),
        ("cancelled", counts.cancelled),
        ("retrying", counts.retrying),
        ("pending", counts.pending),
    ] {
        if count > 0 {
            words.push(format!("{count} {what}"));
        }
    }
    words.join(", ")
}

/// A kind as the list shows it.
fn kind_name(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Unspecified => "",
        MessageKind::Send => "send",
        MessageKind::Broadcast => "broadcast",
    }
}

/// What a caller is called: by people, if they call it something.
pub(super) fn caller_name(caller: &Caller) -> String {
    if caller.display_name.is_empty() { caller.name.clone() } else { caller.display_name.clone() }
}

/// A caller with all that is known of it.
fn caller_line(caller: &Caller) -> String {
    let mut line = caller_name(caller);
    if !caller.display_name.is_empty() {
        line = format!("{line} ({})", caller.name);
    }
    if !caller.address.is_empty() {
        line = format!("{line} from {}", caller.address);
    }
    line
}

async fn show(connection: &Connection, name: String) -> Result<(), Failure> {
    let request = GetMessageRequest { application: connection.application.clone(), name };
    let message =
        connection.open().await?.get_message(request).await?.into_inner().message.unwrap_or_default();
    if connection.json {
        return Ok(output::line(ProtoJson::of("fanfare.v1.MessageStatus")?.write(&message)?)?);
    }
    for (what, said) in facts(&message).into_iter().filter(|(_, said)| !said.is_empty()) {
        output::line(format!("{:<12} {}", format!("{what}:"), escaped(&said)))?;
    }
    Ok(())
}

/// All that is known of a message, in words.
fn facts(message: &MessageStatus) -> Vec<(&'static str, String)> {
    let counts = message.counts.unwrap_or_default();
    let outcomes: Vec<_> =
        message.outcomes.iter().map(|of| format!("{} {}", outcome_name(of.outcome()), of.count)).collect();
    let labels: Vec<_> = message.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let receipts = message.receipts.map(|receipts| {
        format!("{} displayed, {} clicked, {} closed", receipts.displayed, receipts.clicked, receipts.closed)
    });
    let targets = counted(counts.targets.into(), "target", "targets");
    vec![
        ("message", message.name.clone()),
        ("application", message.application.clone()),
        ("kind", kind_name(message.kind()).to_owned()),
        ("for", message.recipients.as_ref().map(|of| of.description.clone()).unwrap_or_default()),
        ("by", message.caller.as_ref().map(caller_line).unwrap_or_default()),
        ("note", message.note.clone()),
        ("labels", labels.join(", ")),
        ("request id", message.request_id.clone()),
        ("state", message_state_name(message.state()).to_owned()),
        ("deliveries", format!("{targets}: {}", deliveries(&counts))),
        ("outcomes", outcomes.join(", ")),
        ("receipts", receipts.unwrap_or_default()),
        ("accepted", times::shown(message.create_time)),
        ("starts", times::shown(message.send_time)),
        ("expires", times::shown(message.expire_time)),
        ("ended", times::shown(message.end_time)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_as_far_as_there_are_any() {
        let counts = DeliveryCounts { targets: 4, accepted: 3, failed: 1, ..DeliveryCounts::default() };
        assert_eq!(deliveries(&counts), "3 of 4 accepted, 1 failed");
        assert_eq!(tone(MessageState::Done, &counts), Tone::Bad);
        let open =
            DeliveryCounts { targets: 9, targets_estimated: true, pending: 9, ..DeliveryCounts::default() };
        assert_eq!(deliveries(&open), "0 of about 9 accepted, 9 pending");
        assert_eq!(tone(MessageState::Sending, &open), Tone::Open);
    }

    #[test]
    fn callers_are_told_by_what_people_call_them() {
        let mut caller =
            Caller { name: "apiTokens/1".into(), display_name: "orders".into(), address: "::1".into() };
        assert_eq!(caller_name(&caller), "orders");
        assert_eq!(caller_line(&caller), "orders (apiTokens/1) from ::1");
        caller.display_name.clear();
        assert_eq!(caller_line(&caller), "apiTokens/1 from ::1");
    }
}
