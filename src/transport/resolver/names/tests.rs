use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::io::Errno;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Answers with the number of the lookup. What begins with `bad` does not exist, with `silent` is never answered, and with
/// `poor` meets a machine without descriptors.
#[derive(Debug, Default)]
struct Counting {
    times: AtomicUsize,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

impl Counting {
    fn times(&self) -> usize {
        self.times.load(Ordering::SeqCst)
    }
}

/// Counts off when the lookup ends, or is given up.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Lookup for Counting {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let times = self.times.fetch_add(1, Ordering::SeqCst);
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(under_way, Ordering::SeqCst);
        let _under_way = UnderWay(&self.under_way);
        tokio::task::yield_now().await;
        if host.starts_with("bad") {
            Err(io::ErrorKind::NotFound.into())
        } else if host.starts_with("silent") {
            std::future::pending().await
        } else if host.starts_with("poor") {
            Err(io::Error::from_raw_os_error(Errno::MFILE.raw_os_error()))
        } else {
            Ok(vec![[10, 0, 0, times as u8].into()])
        }
    }
}

const BOUNDS: NameBounds = NameBounds {
    age_max: Duration::from_secs(10),
    failure_age: (Duration::from_secs(5), Duration::from_secs(60)),
    names_max: 1_000,
    timeout: Duration::from_secs(5),
    lookups_max: 16,
    lookups_per_zone_max: 4,
};

fn names(bounds: NameBounds) -> (Names, Arc<Counting>) {
    let counting = Arc::new(Counting::default());
    (Names::new(Arc::clone(&counting) as _, bounds), counting)
}

#[tokio::test(start_paused = true)]
async fn answers_are_remembered_for_their_time() {
    let (names, counting) = names(BOUNDS);
    // Asked for at the same time, looked up once.
    let (one, other) = tokio::join!(names.lookup("a"), names.lookup("a"));
    assert_eq!((one.unwrap(), counting.times()), (other.unwrap(), 1));
    tokio::time::advance(9 * SECOND).await;
    names.lookup("a").await.unwrap();
    assert_eq!(counting.times(), 1);
    tokio::time::advance(SECOND).await;
    names.lookup("a").await.unwrap();
    assert_eq!(counting.times(), 2, "too old");
    let (forgetful, counting) = self::names(NameBounds { age_max: Duration::ZERO, ..BOUNDS });
    for _ in 0..2 {
        forgetful.lookup("a").await.unwrap();
    }
    assert_eq!(counting.times(), 2);
}

#[tokio::test(start_paused = true)]
async fn failures_are_remembered_for_longer_each_time() {
    let (names, counting) = names(BOUNDS);
    for (number, seconds) in [5, 10, 20, 40, 60, 60].into_iter().enumerate() {
        let error = names.lookup("bad").await.unwrap_err();
        assert_eq!((error.kind(), counting.times()), (io::ErrorKind::NotFound, number + 1));
        tokio::time::advance(Duration::from_millis(1_000 * seconds - 1)).await;
        names.lookup("bad").await.unwrap_err();
        assert_eq!(counting.times(), number + 1, "remembered");
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    let error = names.lookup("silent").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn what_this_machine_lacks_is_no_failure_of_the_name() {
    let (names, counting) = names(BOUNDS);
    for number in 0..100 {
        let error = names.lookup(&format!("poor{}.example.net", number % 10)).await.unwrap_err();
        assert!(exhausted(&error), "{error}");
    }
    assert_eq!(counting.times(), 100, "it is asked again each time, and its zone is not left alone");
}

#[tokio::test(start_paused = true)]
async fn the_number_of_names_is_bounded_by_forgetting_those_not_wanted_for_longest() {
    let (names, counting) = names(NameBounds { names_max: 10, age_max: 3_600 * SECOND, ..BOUNDS });
    for number in 0..50 {
        tokio::time::advance(SECOND).await;
        names.lookup(&number.to_string()).await.unwrap();
        names.lookup("kept").await.unwrap();
        assert!(names.known().names.len() <= 10);
    }
    assert_eq!(counting.times(), 51);
}

/// Asks for so many names at once that are never answered, by the names that `name` gives them.
fn besiege(names: &Names, count: usize, name: impl Fn(usize) -> String) -> tokio::task::JoinSet<()> {
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..count {
        let (names, name) = (names.clone(), name(number));
        asking.spawn(async move {
            assert!(names.lookup(&name).await.is_err());
        });
    }
    asking
}

#[tokio::test(start_paused = true)]
async fn names_that_answer_do_not_wait_for_those_of_a_zone_that_does_not() {
    let (names, counting) = names(BOUNDS);
    let asking = besiege(&names, 400, |number| format!("silent{number}.example.net"));
    tokio::time::sleep(Duration::from_millis(10)).await;
    let began = Instant::now();
    for number in 0..100 {
        names.lookup(&format!("a{number}.example.org")).await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::ZERO, "none waits");
    asking.join_all().await;
    assert!(counting.most.load(Ordering::SeqCst) <= BOUNDS.lookups_per_zone_max + 1);
    // The zone is left alone, and its names are not even asked for.
    let times = counting.times();
    for number in 400..800 {
        names.lookup(&format!("silent{number}.example.net")).await.unwrap_err();
    }
    assert!(counting.times() <= times + 1);
}

#[tokio::test(start_paused = true)]
async fn names_that_answer_wait_a_moment_for_many_zones_that_do_not_and_then_no_more() {
    let (names, counting) = names(BOUNDS);
    names.lookup("a.example.com").await.unwrap();
    tokio::time::advance(BOUNDS.age_max).await;
    let asking = besiege(&names, 100, |number| format!("silent.example{number}.net"));
    tokio::time::sleep(Duration::from_millis(10)).await;
    let began = Instant::now();
    names.lookup("a.example.com").await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO, "it has answered before");
    names.lookup("a.example.org").await.unwrap();
    // 100 names, 16 places, half a second each.
    assert!(began.elapsed() <= Duration::from_millis(3_500), "{:?}", began.elapsed());
    asking.join_all().await;
    assert!(counting.most.load(Ordering::SeqCst) <= 2 * BOUNDS.lookups_max);
    // They go on to be asked for: each is remembered for having failed.
    for second in 0..60 {
        let asking = besiege(&names, 100, |number| format!("silent.example{number}.net"));
        let began = Instant::now();
        names.lookup(&format!("a.fresh{second}.org")).await.unwrap();
        assert!(began.elapsed() <= 5 * SECOND, "{:?} after {second} s", began.elapsed());
        tokio::time::advance(SECOND).await;
        drop(asking);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_has_answered_is_not_held_up_by_its_zone() {
    let (names, counting) = names(BOUNDS);
    names.lookup("a.example.net").await.unwrap();
    tokio::time::advance(BOUNDS.age_max).await;
    let asking = besiege(&names, 400, |number| format!("silent{number}.example.net"));
    tokio::time::sleep(Duration::from_millis(10)).await;
    let began = Instant::now();
    names.lookup("a.example.net").await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    asking.join_all().await;
    tokio::time::advance(BOUNDS.age_max).await;
    let times = counting.times();
    names.lookup("a.example.net").await.unwrap();
    assert_eq!(counting.times(), times + 1, "though the zone is left alone");
}
