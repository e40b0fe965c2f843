use Refusal::{AddressNotAllowed, HostNotAllowed, HttpNotAllowed, PortNotAllowed};

use super::*;

fn read(settings: &str) -> Result<PushServicesSettings, String> {
    toml::from_str(settings).map_err(|error| error.to_string())
}

fn policy(settings: &str) -> Result<HostPolicy, String> {
    let settings = read(settings)?;
    HostPolicy::new(&settings).map_err(|error| error.to_string())
}

/// Judges a URL as Subscribe does: `http` is read only where the policy allows it for some host.
fn judge(policy: &HostPolicy, url: &str) -> Result<(), Refusal> {
    policy.check(&Endpoint::parse(url, true).unwrap_or_else(|error| panic!("{url}: {error}"))).map(|_| ())
}

#[test]
fn the_default_lets_known_push_services_pass_and_nothing_else() {
    let policy = policy("").unwrap();
    for url in [
        "https://fcm.googleapis.com/fcm/send/abc",
        "https://FCM.googleapis.com:443/wp/abc",
        "https://jmt17.google.com/fcm/send/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/abc",
        "https://updates-autopush.push.services.mozilla.com/wpush/v2/abc",
        "https://wns2-par02p.notify.windows.com/w/?token=abc%2f",
        "https://web.push.apple.com/abc",
    ] {
        assert_eq!(judge(&policy, url), Ok(()), "{url}");
    }
    for (url, refusal) in [
        ("https://push.example.net/abc", HostNotAllowed),
        ("https://evil.example/x.google.com/", HostNotAllowed),
        ("https://fcm.googleapis.com.evil.example/abc", HostNotAllowed),
        ("https://evilfcm.googleapis.com/abc", HostNotAllowed),
        ("https://evilpush.apple.com/abc", HostNotAllowed),
        ("https://push.apple.com/abc", HostNotAllowed),
        ("https://fcm.googleapis.com./abc", HostNotAllowed),
        ("https://fcm%2egoogleapis%2ecom.evil.example/abc", HostNotAllowed),
        ("https://fcm.googleapis.com:8443/abc", PortNotAllowed),
        ("https://web.push.apple.com:22/abc", PortNotAllowed),
        ("http://fcm.googleapis.com/abc", HttpNotAllowed),
        ("https://permanently-removed.invalid/abc", HostNotAllowed),
        ("https://127.0.0.1/abc", HostNotAllowed),
        ("https://localhost/abc", HostNotAllowed),
    ] {
        assert_eq!(judge(&policy, url), Err(refusal), "{url}");
    }
}

#[test]
fn any_public_host_still_means_public_and_443() {
    let policy = policy("profile = 'any_public_host'\nhosts = ['push.example.net:8443']").unwrap();
    for url in [
        "https://push.example.org/abc",
        "https://push.example.net/abc",
        "https://push.example.net:8443/abc",
        "https://8.8.8.8/abc",
        "https://[2a00:1450::1]/abc",
        "https://bücher.example/abc",
    ] {
        assert_eq!(judge(&policy, url), Ok(()), "{url}");
    }
    for (url, refusal) in [
        ("https://push.example.org:8443/abc", PortNotAllowed),
        ("https://push.example.org:80/abc", PortNotAllowed),
        ("http://push.example.org/abc", HttpNotAllowed),
        ("http://127.0.0.1:8080/abc", HttpNotAllowed),
        ("https://a.invalid/abc", HostNotAllowed),
        ("https://invalid/abc", HostNotAllowed),
        ("https://push.example.org./abc", HostNotAllowed),
        // One address in the notations that a URL parser knows.
        ("https://127.0.0.1/abc", AddressNotAllowed),
        ("https://2130706433/abc", AddressNotAllowed),
        ("https://0x7f.1/abc", AddressNotAllowed),
        ("https://0177.0.0.1/abc", AddressNotAllowed),
        ("https://127.1/abc", AddressNotAllowed),
        ("https://①②⑦.0.0.1/abc", AddressNotAllowed),
        ("https://%31%32%37.0.0.1/abc", AddressNotAllowed),
        ("https://[::1]/abc", AddressNotAllowed),
        ("https://[::ffff:127.0.0.1]/abc", AddressNotAllowed),
        ("https://[::ffff:7f00:1]/abc", AddressNotAllowed),
        ("https://[64:ff9b::a00:1]/abc", AddressNotAllowed),
        ("https://[2002:a00:1::]/abc", AddressNotAllowed),
        ("https://[fe80::1]/abc", AddressNotAllowed),
        ("https://169.254.169.254/latest", AddressNotAllowed),
        ("https://0/abc", AddressNotAllowed),
    ] {
        assert_eq!(judge(&policy, url), Err(refusal), "{url}");
    }
    assert!(Endpoint::parse("https://[fe80::1%25eth0]/abc", false).is_err(), "zone identifier");
}

#[test]
fn listed_only_takes_the_list_in_its_notations() {
    let policy = policy(
        "profile = 'listed_only'\nhosts = ['Ntfy.SH', '.push.example.net', 'BÜCHER.example', '.alt.example:8443']",
    )
    .unwrap();
    for (url, judgement) in [
        ("https://ntfy.sh/abc", Ok(())),
        ("https://a.b.push.example.net/abc", Ok(())),
        ("https://xn--bcher-kva.example/abc", Ok(())),
        ("https://a.alt.example:8443/abc", Ok(())),
        ("https://a.alt.example/abc", Err(PortNotAllowed)),
        ("https://push.example.net/abc", Err(HostNotAllowed)),
        ("https://fcm.googleapis.com/abc", Err(HostNotAllowed)),
    ] {
        assert_eq!(judge(&policy, url), judgement, "{url}");
    }
}

#[test]
fn an_exception_has_its_own_rules() {
    let policy = policy(
        "[[exceptions]]\nname = 'own'\nhost = 'push.internal'\nport = 8443\ncidrs = ['10.0.0.0/8']\n\
         [[exceptions]]\nname = 'address'\nhost = '10.1.2.3'\nport = 9443\ncidrs = ['10.1.0.0/16']\n\
         [[exceptions]]\nname = 'six'\nhost = '::1'\nport = 9443\ncidrs = ['::1/128']\n\
         [[exceptions]]\nname = 'plain'\nhost = 'localhost'\nport = 8080\ncidrs = ['127.0.0.0/8']\nallow_http = true",
    )
    .unwrap();
    for (url, judgement) in [
        ("https://push.internal:8443/abc", Ok(())),
        ("https://10.1.2.3:9443/abc", Ok(())),
        ("https://[::1]:9443/abc", Ok(())),
        ("http://localhost:8080/abc", Ok(())),
        ("https://localhost:8080/abc", Ok(())),
        ("http://push.internal:8443/abc", Err(HttpNotAllowed)),
        ("https://push.internal/abc", Err(HostNotAllowed)),
        ("https://10.1.2.4:9443/abc", Err(HostNotAllowed)),
        ("http://localhost:8081/abc", Err(HttpNotAllowed)),
    ] {
        assert_eq!(judge(&policy, url), judgement, "{url}");
    }
    assert!(policy.allows_http("localhost", 8080));
    assert!(!policy.allows_http("localhost", 8081));
    assert!(!policy.allows_http("push.internal", 8443));
}

#[test]
fn which_rule_lets_it_pass_decides_how_it_is_dialled() {
    let policy = policy(
        "[[exceptions]]\nname = 'other'\nhost = 'a.example'\nport = 8443\n\
         [[exceptions]]\nname = 'own'\nhost = 'push.example'\nservice = 'fcm'\n\
         [[exceptions]]\nname = 'second'\nhost = 'push.example'\ncidrs = ['10.0.0.0/8']",
    )
    .unwrap();
    let endpoint = Endpoint::parse("https://push.example/x", false).unwrap();
    let origin = endpoint.origin();
    let choice = |exceptions: &[&str]| HostChoice {
        profile: Some(Profile::AnyPublicHost),
        exceptions: exceptions.iter().map(|&name| name.to_owned()).collect(),
        ..HostChoice::default()
    };
    for (exceptions, passed, service) in [
        (&[][..], PassedBy::Hosts, PushService::Other),
        (&["other"], PassedBy::Hosts, PushService::Other),
        (&["own", "second"], PassedBy::Exception(ExceptionId(1)), PushService::Fcm),
        (&["second"], PassedBy::Exception(ExceptionId(2)), PushService::Other),
    ] {
        let own = policy.chosen(&choice(exceptions)).unwrap();
        assert_eq!(own.check(&endpoint), Ok(passed), "{exceptions:?}");
        assert_eq!(policy.service(&endpoint, own.exception(origin)), service, "{exceptions:?}");
        let by = policy.dialled_by(origin, passed).unwrap().map(|exception| exception.name().to_owned());
        assert_eq!(by.as_deref(), exceptions.first().copied().filter(|name| *name != "other"));
    }
    assert_eq!(policy.check(&endpoint), Ok(PassedBy::Exception(ExceptionId(1))), "the server's own");
    assert_eq!(policy.passages(origin).len(), 3);
    for foreign in [0, 3] {
        let judged = policy.dialled_by(origin, PassedBy::Exception(ExceptionId(foreign)));
        assert_eq!(judged.map(|_| ()), Err(HostNotAllowed), "{foreign}");
    }
}

#[test]
fn what_is_configured_may_change_and_what_is_the_same_stays_the_same() {
    let files = tempfile::tempdir().unwrap();
    let ca = files.path().join("ca.pem");
    let certify = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        std::fs::write(&ca, certificate.pem()).unwrap();
    };
    certify();
    let with_root = format!("root_certificate = {ca:?}");
    let exceptions = |of: &[(&str, &str)]| {
        let one = |(name, rest): &(&str, &str)| {
            format!("[[exceptions]]\nname = '{name}'\nhost = '{name}.example'\n{rest}\n")
        };
        of.iter().map(one).collect::<String>()
    };
    let policy = policy(&exceptions(&[("a", ""), ("b", &with_root)])).unwrap();
    let own =
        policy.chosen(&HostChoice { exceptions: vec!["b".to_owned()], ..HostChoice::default() }).unwrap();
    let endpoint = |host: &str| Endpoint::parse(&format!("https://{host}/x"), false).unwrap();
    let by = |policy: &dyn EndpointPolicy, host: &str| policy.check(&endpoint(host));
    let exception = |id| Ok(PassedBy::Exception(ExceptionId(id)));
    assert_eq!((by(&policy, "a.example"), by(&*own, "b.example")), (exception(0), exception(1)));
    assert_eq!(by(&*own, "c.example"), Err(HostNotAllowed));

    let change = |settings: &str| policy.change(&read(settings).unwrap());
    // Another order, another exception, another host.
    change(&format!("hosts = ['c.example']\n{}", exceptions(&[("d", ""), ("b", &with_root), ("a", "")])))
        .unwrap();
    assert_eq!((by(&policy, "a.example"), by(&*own, "b.example")), (exception(0), exception(1)));
    assert_eq!(by(&policy, "d.example"), exception(2));
    assert_eq!(by(&*own, "c.example"), Ok(PassedBy::Hosts), "the choice goes by the server's hosts");
    // Another certificate of the same name: it is dialled anew, and what passed before still gets there.
    certify();
    assert!(change(&exceptions(&[("b", &with_root), ("a", "port = 444")])).unwrap());
    assert_eq!((by(&*own, "b.example"), by(&policy, "a.example")), (exception(3), Err(HostNotAllowed)));
    assert_eq!((by(&policy, "a.example:444"), by(&policy, "c.example")), (exception(4), Err(HostNotAllowed)));
    let dialled =
        |id| policy.dialled_by(endpoint("b.example").origin(), PassedBy::Exception(ExceptionId(id)));
    assert!(dialled(1).unwrap().unwrap().roots() != dialled(3).unwrap().unwrap().roots());
    // What cannot be leaves all as it was.
    std::fs::write(&ca, "no certificate").unwrap();
    assert!(change(&exceptions(&[("b", &with_root)])).is_err() && change("hosts = ['a/b']").is_err());
    assert_eq!((by(&*own, "b.example"), by(&policy, "a.example:444")), (exception(3), exception(4)));
    assert!(!change("").unwrap());
    assert_eq!(by(&*own, "b.example"), Err(HostNotAllowed));
}

#[test]
fn refuses_settings_that_are_unsafe_or_could_never_work() {
    let exception = |rest: &str| format!("[[exceptions]]\nname = 'own'\n{rest}");
    for (settings, word) in [
        ("hosts = ['https://push.example.net']".to_owned(), "https://push.example.net"),
        ("hosts = ['push.example.net/x']".to_owned(), "push.example.net/x"),
        ("hosts = ['user@push.example.net']".to_owned(), "user@"),
        ("hosts = ['']".to_owned(), "hosts"),
        ("hosts = ['.10.0.0.1']".to_owned(), "10.0.0.1"),
        ("profil = 'listed_only'".to_owned(), "profil"),
        (exception("host = 'push.internal:8443'"), "host must be"),
        (exception("host = '10.1.2.3'"), "cidrs"),
        (exception("host = '10.1.2.3'\ncidrs = ['10.2.0.0/16']"), "cidrs"),
        (exception("host = 'push.internal'\nallow_http = true"), "allow_http"),
        (
            exception("host = 'push.internal'\nport = 80\nallow_http = true\ncidrs = ['10.0.0.0/8']"),
            "allow_http",
        ),
        (
            exception(
                "host = 'a.internal'\nport = 80\nallow_http = true\ncidrs = ['127.0.0.0/8', '126.0.0.0/7']",
            ),
            "allow_http",
        ),
        (exception("host = '127.0.0.1'\nconnect_to = '127.0.0.1:443'"), "connect_to"),
        (exception("host = 'a.internal'\ncidrs = ['10.0.0.0/8']\nconnect_to = '10.0.0.1:443'"), "exclude"),
        (exception("host = 'a.internal'\nport = 8443\nconnect_to = '10.0.0.1:9443'"), "port"),
        (exception("host = 'a.internal'\nroot_certificate = '/nowhere/root.pem'"), "/nowhere/root.pem"),
        (exception("host = 'a.internal'\nroot_certificate = 'Cargo.toml'"), "certificate"),
        (exception("host = 'a.internal'\nclient_key = 'Cargo.toml'"), "need each other"),
        (
            exception(
                "host = 'a.internal'\nclient_certificate = 'Cargo.toml'\nclient_key = '/nowhere/key.pem'",
            ),
            "/nowhere/key.pem",
        ),
        (exception("host = 'a.internal'\nroots = 'x'"), "roots"),
    ] {
        let error = policy(&settings).expect_err(&settings);
        assert!(error.contains(word), "{settings}: {error}");
    }
}
