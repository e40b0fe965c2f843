//! A server as systemd starts it, and its health as a container's engine asks for it.

use std::os::unix::net::UnixDatagram;

use super::{PATIENCE, Place, failed, printed, run};

/// What it tells systemd, as it comes.
struct Supervisor(UnixDatagram);

impl Supervisor {
    fn new(place: &Place) -> Self {
        let socket = UnixDatagram::bind(place.path("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    fn next(&self) -> String {
        let mut octets = [0; 256];
        let length = self.0.recv(&mut octets).unwrap();
        String::from_utf8(octets[..length].to_vec()).unwrap().trim().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_that_it_serves_lives_and_ends() {
    let place = Place::new().await;
    let supervisor = Supervisor::new(&place);
    let variables = [format!("NOTIFY_SOCKET={}", place.text("notify")), "WATCHDOG_USEC=200000".to_owned()];
    let (server, ready) = place.serve_by(&variables, "127.0.0.1:0").await.unwrap();
    assert_eq!(supervisor.next(), "READY=1");
    for _ in 0..2 {
        assert_eq!(supervisor.next(), "WATCHDOG=1");
    }

    let admin = format!("http://{}", ready.admin);
    assert_eq!(printed(&run(&["health", "--admin", &admin])), "serving\n");
    assert_eq!(printed(&run(&["health", "--live", "--admin", &admin])), "ok\n");

    server.stop().await.unwrap();
    let told = std::iter::repeat_with(|| supervisor.next()).find(|told| told != "WATCHDOG=1");
    assert_eq!(told.as_deref(), Some("STOPPING=1"));
    let (code, said) = failed(&run(&["health", "--admin", &admin]));
    assert!(code == 1 && said.contains("does not answer"), "{code}: {said}");
}
