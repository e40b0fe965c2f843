//! The contract's methods: each says which code answers it, on the writer's thread and in which class, or beside it.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::audience::Terms;
use super::backup::HELD_OCTETS_MAX;
use super::inline::FEW;
use super::keys::TopicId;
use super::pages::{PlanMove, TRANSACTION_PAGES};
use super::queue::Class;
use super::space::Use;
use super::transaction::Reader;
use super::writer::{TRANSACTION_ROWS, Writer, submit};
use super::{
    KvStore, api_tokens, applications, audience, audit, changes, closed, decide, evidence, feed, held, index,
    messages, pages, reap, receipts, removed, subscriptions, trim,
};
use crate::domain::{
    ApiToken, ApiTokenId, ApplicationId, ApplicationSettings, Audience, AuditEntry, AuditFilter, MessageId,
    Origin, OriginId, Receipt, Report, Stop, Subscription, SubscriptionId, Target, Timestamp, VapidKey,
    VapidKeyId,
};
use crate::failpoint::failpoint;
use crate::store::held::{AcceptedSince, Decided, Decision, DecisionStep, Hold, Share};
use crate::store::{
    Accepted, Addressee, ApplicationRecord, AudienceChunk, AuditListed, AuditRetention, Backup, BackupError,
    Change, Cleared, Commit, Disk, Evidence, FeedRow, Kept, Lesson, ListFilter, MessageFilter, MessageRecord,
    MessagesListed, NewMessage, OpenMessage, OriginInfo, OriginsTrimmed, PageHead, PageKey, PlanStep,
    Received, Removal, Retention, Segment, Selector, Store, StoreError, StoredPage, StoredToken, Subscribe,
    Subscribed, SubscriptionPatch, Trimmed,
};

#[async_trait]
impl Store for KvStore {
    async fn application(&self, name: &str) -> Result<ApplicationRecord, StoreError> {
        let name = name.to_owned();
        let wanted = name.clone();
        match self.read(move |reader| applications::by_name(reader, &wanted)).await? {
            Some(application) => Ok(application),
            None => self.write(Class::Record, move |writer| writer.application(&name)).await,
        }
    }

    async fn applications(&self) -> Result<Vec<ApplicationRecord>, StoreError> {
        self.read(applications::all).await
    }

    async fn create_application(
        &self,
        name: &str,
        settings: ApplicationSettings,
        key: VapidKey,
    ) -> Result<ApplicationRecord, StoreError> {
        let name = name.to_owned();
        self.write(Class::Record, move |writer| writer.create_application(&name, &settings, key)).await
    }

    async fn update_application(
        &self,
        application: ApplicationId,
        settings: ApplicationSettings,
        revision: u64,
    ) -> Result<ApplicationRecord, StoreError> {
        self.write(Class::Record, move |writer| writer.update_application(application, &settings, revision))
            .await
    }

    async fn delete_application(&self, application: ApplicationId) -> Result<bool, StoreError> {
        self.write(Class::Record, move |writer| writer.delete_application(application)).await
    }

    async fn clear_application(&self, application: ApplicationId) -> Result<Cleared, StoreError> {
        self.write(Class::Reap, move |writer| writer.clear_application(application)).await
    }

    async fn subscription_count(&self, application: ApplicationId) -> Result<u64, StoreError> {
        self.read(move |reader| index::count(reader, application, TopicId::EVERYONE)).await
    }

    async fn vapid_key_counts(
        &self,
        application: ApplicationId,
        keys: &[VapidKeyId],
    ) -> Result<Vec<u64>, StoreError> {
        let keys = keys.to_vec();
        self.read(move |reader| keys.iter().map(|key| index::key_count(reader, application, *key)).collect())
            .await
    }

    async fn set_current_vapid_key(
        &self,
        application: ApplicationId,
        key: VapidKeyId,
    ) -> Result<VapidKey, StoreError> {
        self.write(Class::Record, move |writer| writer.set_current_vapid_key(application, key)).await
    }

    async fn retire_vapid_key(
        &self,
        application: ApplicationId,
        key: VapidKeyId,
        force: bool,
    ) -> Result<VapidKey, StoreError> {
        self.write(Class::Record, move |writer| writer.retire_vapid_key(application, key, force)).await
    }

    async fn remove_vapid_key(
        &self,
        application: ApplicationId,
        key: VapidKeyId,
    ) -> Result<VapidKey, StoreError> {
        self.write_end(Class::Record, move |writer| writer.remove_vapid_key(application, key)).await
    }

    async fn disable_orphans(
        &self,
        application: ApplicationId,
        after: Option<SubscriptionId>,
    ) -> Result<(Vec<SubscriptionId>, Option<SubscriptionId>), StoreError> {
        self.write(Class::Reap, move |writer| writer.disable_orphans(application, after)).await
    }

    async fn add_vapid_key(
        &self,
        application: ApplicationId,
        key: VapidKey,
        make_current: bool,
    ) -> Result<VapidKey, StoreError> {
        self.write(Class::Record, move |writer| writer.add_vapid_key(application, key, make_current)).await
    }

    async fn vapid_tokens(&self) -> Result<Vec<StoredToken>, StoreError> {
        self.read(applications::tokens).await
    }

    async fn put_vapid_token(&self, token: StoredToken) -> Result<(), StoreError> {
        self.write(Class::Record, move |writer| writer.put_vapid_token(token)).await
    }

    async fn secret(&self, name: &str) -> Result<[u8; 32], StoreError> {
        let name = name.to_owned();
        let wanted = name.clone();
        match self.read(move |reader| applications::secret(reader, &wanted)).await? {
            Some(secret) => Ok(secret),
            None => self.write(Class::Record, move |writer| writer.secret(&name)).await,
        }
    }

    async fn put_api_token(&self, token: ApiToken) -> Result<(), StoreError> {
        self.write(Class::Record, move |writer| writer.put_api_token(&token)).await
    }

    async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        self.read(api_tokens::all).await
    }

    async fn api_token_used(&self, id: ApiTokenId, time: Timestamp) -> Result<(), StoreError> {
        self.write(Class::Record, move |writer| writer.api_token_used(id, time)).await
    }

    async fn remove_api_token(&self, id: ApiTokenId) -> Result<bool, StoreError> {
        self.write_end(Class::Record, move |writer| writer.remove_api_token(id)).await
    }

    async fn audit(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let entry = entry.bounded();
        self.write_end(Class::Record, move |writer| writer.audit(&entry)).await
    }

    async fn audit_entries(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AuditListed, StoreError> {
        let filter = filter.clone();
        self.read(move |reader| audit::list(reader, &filter, before, limit)).await
    }

    async fn trim_audit(&self, retention: AuditRetention) -> Result<Trimmed, StoreError> {
        let now = self.shared.clock.now();
        let outdated = self.read(move |reader| audit::outdated(reader, now, retention)).await?;
        if outdated.is_empty() {
            return Ok(Trimmed::default());
        }
        self.write(Class::Reap, move |writer| writer.trim_audit(outdated)).await
    }

    async fn intern_origin(&self, origin: &Origin) -> Result<OriginInfo, StoreError> {
        if let Some(info) = self.shared.origins.by_text(origin) {
            return Ok(info);
        }
        let origin = origin.clone();
        // An accept may wait for it.
        self.write(Class::Urgent, move |writer| writer.intern_origin(&origin)).await
    }

    fn origin(&self, id: OriginId) -> Option<OriginInfo> {
        self.shared.origins.by_id(id)
    }

    fn known_origin(&self, origin: &Origin) -> Option<OriginInfo> {
        self.shared.origins.by_text(origin)
    }

    async fn subscribe(&self, subscribe: Subscribe) -> Result<Subscribed, StoreError> {
        let class = if subscribe.bulk { Class::Import } else { Class::Record };
        self.write(class, move |writer| writer.subscribe(subscribe)).await
    }

    async fn subscription(
        &self,
        application: ApplicationId,
        selector: &Selector,
    ) -> Result<Option<Subscription>, StoreError> {
        let selector = selector.clone();
        self.read(move |reader| subscriptions::selected(reader, application, &selector)).await
    }

    async fn unsubscribe(
        &self,
        application: ApplicationId,
        selector: &Selector,
    ) -> Result<Vec<SubscriptionId>, StoreError> {
        let mut removed = Vec::new();
        loop {
            let selector = selector.clone();
            let all = matches!(selector, Selector::User(_));
            let after = removed.last().copied();
            let some = self
                .write_end(Class::Record, move |writer| writer.unsubscribe(application, &selector, after))
                .await?;
            let more = all && !some.is_empty();
            removed.extend(some);
            if !more {
                break;
            }
        }
        // What evidence removed before is not to come back either; behind, as nothing of it can be removed so any more.
        let named = selector.clone();
        let mut kept = self.read(move |reader| removed::is_kept(reader, application, &named)).await?;
        while kept {
            let named = selector.clone();
            kept =
                self.write(Class::Record, move |writer| writer.forget_removed(application, &named)).await?;
        }
        Ok(removed)
    }

    async fn update_subscription(
        &self,
        application: ApplicationId,
        selector: &Selector,
        patch: SubscriptionPatch,
    ) -> Result<Subscription, StoreError> {
        let selector = selector.clone();
        self.write(Class::Record, move |writer| writer.update_subscription(application, &selector, patch))
            .await
    }

    async fn list_subscriptions(
        &self,
        application: ApplicationId,
        filter: &ListFilter,
        after: Option<SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<Subscription>, StoreError> {
        let filter = filter.clone();
        self.read(move |reader| subscriptions::list(reader, application, &filter, after, limit)).await
    }

    async fn targets(
        &self,
        application: ApplicationId,
        ids: &[SubscriptionId],
    ) -> Result<Vec<Option<Target>>, StoreError> {
        let ids = ids.to_vec();
        if ids.len() <= FEW {
            return self.read_few(move |reader| subscriptions::targets(reader, application, &ids)).await;
        }
        self.read(move |reader| subscriptions::targets(reader, application, &ids)).await
    }

    async fn addressee(
        &self,
        application: ApplicationId,
        message: MessageId,
        subscription: SubscriptionId,
    ) -> Result<Addressee, StoreError> {
        let find = move |reader: &Reader| {
            let terms = Terms::of(reader, application, message)?;
            let found = audience::addressee(reader, application, terms.as_ref(), subscription);
            Ok(reader.readable(found)?.unwrap_or_default())
        };
        self.read(find).await
    }

    async fn evidence(
        &self,
        application: ApplicationId,
        from: u64,
        commits: usize,
    ) -> Result<Evidence, StoreError> {
        let to = *self.synced(application).borrow();
        self.read_synced(move |reader| evidence::read(reader, application, from, to, commits)).await
    }

    async fn learn(
        &self,
        application: ApplicationId,
        lessons: Vec<Lesson>,
    ) -> Result<Vec<SubscriptionId>, StoreError> {
        let learn = move |writer: &mut Writer, some: &[Lesson]| writer.learn(application, some);
        self.write_list(Class::Reap, lessons, learn, || ()).await
    }

    async fn changes(
        &self,
        application: ApplicationId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Change>, StoreError> {
        let to = *self.changes_synced(application).borrow();
        self.read_synced(move |reader| changes::read(reader, application, from, to, limit)).await
    }

    fn changes_synced(&self, application: ApplicationId) -> watch::Receiver<u64> {
        self.shared.progress.changes.of(application)
    }

    async fn change_at(&self, application: ApplicationId, time: Timestamp) -> Result<u64, StoreError> {
        let to = *self.changes_synced(application).borrow();
        self.read_synced(move |reader| changes::at(reader, application, time, to)).await
    }

    async fn begin(
        &self,
        application: ApplicationId,
        message: MessageId,
    ) -> Result<Option<MessageId>, StoreError> {
        self.write(Class::Urgent, move |writer| writer.begin_message(application, message)).await
    }

    async fn stop(
        &self,
        application: ApplicationId,
        message: MessageId,
        reason: Stop,
    ) -> Result<Option<MessageRecord>, StoreError> {
        self.write_end(Class::Urgent, move |writer| writer.stop(application, message, reason)).await
    }

    async fn kept(&self, application: ApplicationId) -> Result<Kept, StoreError> {
        self.read(move |reader| trim::kept(reader, application)).await
    }

    async fn trim(&self, retention: Retention) -> Result<Trimmed, StoreError> {
        let mut trimmed = Trimmed::default();
        for application in self.read(applications::ids).await? {
            self.trim_logs(application, retention, &mut trimmed).await?;
            self.trim_messages(application, retention, &mut trimmed).await?;
            self.trim_removed(application, retention, &mut trimmed).await?;
        }
        let now = self.shared.clock.now();
        let expired = self.read(move |reader| trim::expired_tokens(reader, now)).await?;
        if !expired.is_empty() {
            trimmed.more |= expired.more;
            trimmed.rows += self.write(Class::Reap, move |writer| writer.move_rows(expired)).await?;
        }
        Ok(trimmed)
    }

    async fn trim_origins(&self, many: usize, rows: usize) -> Result<OriginsTrimmed, StoreError> {
        self.sweep_origins(many, rows).await
    }

    async fn trim_time(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(trim::noted_time).await
    }

    async fn note_trim_time(&self, time: Timestamp) -> Result<(), StoreError> {
        self.write(Class::Reap, move |writer| writer.note_trim_time(time)).await
    }

    fn disk(&self) -> watch::Receiver<Disk> {
        self.shared.disk.subscribe()
    }

    fn log_octets(&self) -> u64 {
        self.shared.progress.log_octets()
    }

    async fn reap(
        &self,
        application: ApplicationId,
        removals: Vec<Removal>,
        position: u64,
    ) -> Result<Vec<SubscriptionId>, StoreError> {
        let reap = move |writer: &mut Writer, some: &[Removal]| writer.reap(application, some);
        let changed = self.write_list(Class::Reap, removals, reap, || failpoint("reaped")).await?;
        self.write(Class::Reap, move |writer| writer.move_reaper(application, position)).await?;
        Ok(changed)
    }

    async fn set_aside(
        &self,
        application: ApplicationId,
        removals: Vec<Removal>,
        share: Option<Share>,
    ) -> Result<Vec<SubscriptionId>, StoreError> {
        let set_aside =
            move |writer: &mut Writer, some: &[Removal]| writer.set_aside(application, some, share);
        self.write_list(Class::Reap, removals, set_aside, || ()).await
    }

    async fn accepted_since(
        &self,
        application: ApplicationId,
        sought: AcceptedSince,
    ) -> Result<usize, StoreError> {
        let to = *self.synced(application).borrow();
        self.read_synced(move |reader| evidence::accepted_since(reader, application, &sought, to)).await
    }

    async fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        self.read(held::all).await
    }

    async fn decide(
        &self,
        application: ApplicationId,
        decision: Decision,
        step: DecisionStep,
    ) -> Result<Decided, StoreError> {
        let looked = step.clone();
        if let (Decision::Release { origin, outcome } | Decision::Discard { origin, outcome }, false) =
            (decision, step.validate_only)
        {
            // First, so that none is set aside behind those that are looked at.
            self.write(Class::Import, move |writer| writer.lift_holds(application, origin, outcome)).await?;
        }
        let mut decided =
            self.read(move |reader| decide::meant(reader, application, &decision, &looked)).await?;
        if step.validate_only {
            return Ok(decided);
        }
        let list = std::mem::take(&mut decided.subscriptions);
        let meant = list.len();
        let decide =
            move |writer: &mut Writer, some: &[SubscriptionId]| writer.decide(application, &decision, some);
        decided.subscriptions = self.write_list(Class::Import, list, decide, || ()).await?;
        decided.passed_over = meant - decided.subscriptions.len();
        Ok(decided)
    }

    async fn reaper_position(&self, application: ApplicationId) -> Result<u64, StoreError> {
        self.read(move |reader| reap::position(reader, application)).await
    }

    async fn accept(&self, message: NewMessage) -> Result<Accepted, StoreError> {
        self.write(Class::Urgent, move |writer| writer.accept(message)).await
    }

    async fn request(
        &self,
        application: ApplicationId,
        request_id: &str,
    ) -> Result<Option<(MessageId, [u8; 32])>, StoreError> {
        let request_id = request_id.to_owned();
        self.read_few(move |reader| messages::request(reader, application, &request_id)).await
    }

    async fn message(
        &self,
        application: ApplicationId,
        message: MessageId,
    ) -> Result<Option<MessageRecord>, StoreError> {
        self.read_few(move |reader| messages::find(reader, application, message)).await
    }

    async fn list_messages(
        &self,
        application: ApplicationId,
        filter: &MessageFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<MessagesListed, StoreError> {
        let filter = filter.clone();
        self.read(move |reader| messages::list(reader, application, &filter, before, limit)).await
    }

    async fn estimate(&self, application: ApplicationId, audience: &Audience) -> Result<u32, StoreError> {
        let audience = audience.clone();
        self.read(move |reader| messages::estimate(reader, application, &audience)).await
    }

    async fn open_messages(&self) -> Result<Vec<OpenMessage>, StoreError> {
        self.read(messages::open).await
    }

    async fn audience(
        &self,
        application: ApplicationId,
        message: MessageId,
        cursor: &[u8],
        limit: usize,
    ) -> Result<AudienceChunk, StoreError> {
        let cursor = cursor.to_vec();
        self.read(move |reader| audience::read(reader, application, message, &cursor, limit)).await
    }

    async fn plan(&self, step: PlanStep) -> Result<bool, StoreError> {
        let PlanStep { application, message, kind, pages, cursor, ended, done } = step;
        // All are queued before the first is answered: they leave the queue in this order and share syncs.
        let mut answers = Vec::new();
        let mut rest = pages.into_iter().peekable();
        while rest.peek().is_some() {
            let some: Vec<_> = rest.by_ref().take(TRANSACTION_PAGES).collect();
            let write = move |writer: &mut Writer| writer.write_pages(application, message, kind, &some);
            answers.push(submit(&self.shared.queue, Class::Commit, Use::Begins, write).await?);
        }
        for answer in answers {
            answer.await.unwrap_or_else(|_| Err(closed()))?;
        }
        failpoint("pages-written");
        let step = PlanMove { cursor, ended, done };
        self.write(Class::Commit, move |writer| writer.move_plan(application, message, step)).await
    }

    async fn page_heads(&self) -> Result<Vec<PageHead>, StoreError> {
        self.read(pages::heads).await
    }

    async fn message_pages(
        &self,
        application: ApplicationId,
        message: MessageId,
        from: u32,
        limit: usize,
    ) -> Result<Vec<PageKey>, StoreError> {
        self.read(move |reader| pages::of_message(reader, application, message, from, limit)).await
    }

    async fn page(&self, application: ApplicationId, key: PageKey) -> Result<Option<StoredPage>, StoreError> {
        self.read(move |reader| pages::read(reader, application, key)).await
    }

    async fn page_taken_up(&self, application: ApplicationId, keys: Vec<PageKey>) -> Result<(), StoreError> {
        let mut answers = Vec::new();
        for some in keys.chunks(TRANSACTION_ROWS).map(<[PageKey]>::to_vec) {
            let write = move |writer: &mut Writer| writer.page_taken_up(application, &some);
            answers.push(submit(&self.shared.queue, Class::Commit, Use::Begins, write).await?);
        }
        for answer in answers {
            answer.await.unwrap_or_else(|_| Err(closed()))?;
        }
        Ok(())
    }

    async fn page_ids(
        &self,
        application: ApplicationId,
        key: PageKey,
    ) -> Result<Vec<SubscriptionId>, StoreError> {
        self.read(move |reader| pages::ids(reader, application, key)).await
    }

    async fn commit(&self, commit: Arc<Commit>) -> Result<Vec<MessageId>, StoreError> {
        let class = if commit.urgent { Class::Urgent } else { Class::Commit };
        self.write_end(class, move |writer| writer.commit(&commit)).await
    }

    async fn receive(
        &self,
        application: ApplicationId,
        receipts: Vec<Receipt>,
    ) -> Result<Vec<Received>, StoreError> {
        self.write(Class::Record, move |writer| writer.receive(application, &receipts)).await
    }

    async fn reports(
        &self,
        message: MessageId,
        deliveries: Vec<Option<SubscriptionId>>,
    ) -> Result<Vec<Vec<Report>>, StoreError> {
        self.read(move |reader| receipts::reports(reader, message, &deliveries)).await
    }

    fn synced(&self, application: ApplicationId) -> watch::Receiver<u64> {
        self.shared.progress.commits.of(application)
    }

    async fn segments(
        &self,
        application: ApplicationId,
        message: MessageId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Segment>, StoreError> {
        let to = *self.synced(application).borrow();
        let read = move |reader: &Reader| feed::segments(reader, application, message, (from, to), limit);
        if limit <= FEW { self.read_few_synced(read).await } else { self.read_synced(read).await }
    }

    async fn feed(
        &self,
        application: ApplicationId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<FeedRow>, StoreError> {
        let to = *self.synced(application).borrow();
        let read = move |reader: &Reader| feed::rows(reader, application, from, to, limit);
        if limit <= FEW { self.read_few_synced(read).await } else { self.read_synced(read).await }
    }

    async fn seq_at(&self, application: ApplicationId, time: Timestamp) -> Result<u64, StoreError> {
        self.read(move |reader| feed::seq_at(reader, application, time)).await
    }

    async fn backup(&self) -> Result<Backup, BackupError> {
        self.begin_backup(HELD_OCTETS_MAX).await
    }

    async fn failed(&self) {
        self.shared.progress.failed().await;
    }

    async fn close(&self) {
        self.shut().await;
    }
}

impl KvStore {
    /// Removes the oldest rows of the feed, its index by time and the change feed.
    async fn trim_logs(
        &self,
        application: ApplicationId,
        retention: Retention,
        trimmed: &mut Trimmed,
    ) -> Result<(), StoreError> {
        let now = self.shared.clock.now();
        let (commits, changes) = (now.minus(retention.events), now.minus(retention.changes));
        let aged = self
            .read(move |reader| {
                Ok([
                    trim::aged_commits(reader, application, commits)?,
                    trim::aged_changes(reader, application, changes)?,
                ])
            })
            .await?;
        for aged in aged.into_iter().filter(|aged| !aged.is_empty()) {
            trimmed.more |= aged.more;
            trimmed.rows += self.write(Class::Reap, move |writer| writer.trim_log(application, aged)).await?;
        }
        Ok(())
    }

    /// Moves ended messages on: their events go, and later they.
    async fn trim_messages(
        &self,
        application: ApplicationId,
        retention: Retention,
        trimmed: &mut Trimmed,
    ) -> Result<(), StoreError> {
        let now = self.shared.clock.now();
        let moved = self.read(move |reader| trim::forgettable(reader, application, now)).await?;
        if !moved.is_empty() {
            trimmed.more |= moved.more;
            self.write(Class::Reap, move |writer| writer.move_rows(moved)).await?;
        }
        let until = now.minus(retention.events);
        let eventless = self.read(move |reader| trim::eventless(reader, application, until)).await?;
        if !eventless.is_empty() {
            trimmed.more |= eventless.more();
            let (messages, rows) =
                self.write(Class::Reap, move |writer| writer.trim_events(application, eventless)).await?;
            trimmed.events_of += messages;
            trimmed.rows += rows;
        }
        let until = now.minus(retention.messages.max(retention.events));
        let (messages, moved) = self.read(move |reader| trim::obsolete(reader, application, until)).await?;
        if !moved.is_empty() {
            trimmed.more |= moved.more;
            trimmed.messages += messages;
            trimmed.rows += self.write(Class::Reap, move |writer| writer.move_rows(moved)).await?;
        }
        Ok(())
    }

    /// Forgets subscriptions that evidence removed long ago.
    async fn trim_removed(
        &self,
        application: ApplicationId,
        retention: Retention,
        trimmed: &mut Trimmed,
    ) -> Result<(), StoreError> {
        let until = self.shared.clock.now().minus(retention.removed);
        let moved =
            self.read(move |reader| removed::aged(reader, application, until, TRANSACTION_ROWS)).await?;
        if !moved.is_empty() {
            trimmed.more |= moved.more;
            trimmed.rows += self.write(Class::Reap, move |writer| writer.move_rows(moved)).await?;
        }
        Ok(())
    }
}
