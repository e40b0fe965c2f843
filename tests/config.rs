//! The configuration: its layers, what is refused, and that every setting is documented.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::config::{
    Config, ConfigError, DEFAULT_TOML, Loaded, PLACEHOLDER_CONTACT, Problem, Sources, load,
};
use fanfare::domain::{Padding, Urgency};
use fanfare::engine::{EngineSettings, RetentionSettings};
use fanfare::observe::LogSettings;
use fanfare::store::kv::Settings as StoreSettings;
use fanfare::transport::{HttpSettings, PushServicesSettings};
use tempfile::TempDir;

struct Given {
    directory: TempDir,
    sources: Sources,
}

impl Given {
    fn nothing() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), sources: Sources::default() }
    }

    fn file(mut self, toml: &str) -> Self {
        let path: PathBuf = self.directory.path().join("fanfare.toml");
        fs::write(&path, toml).unwrap();
        self.sources.file = Some(path);
        self
    }

    fn environment(mut self, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.sources = self.sources.with_environment(variables);
        self
    }

    fn flag(mut self, flag: &str, key: &str, value: &str) -> Self {
        self.sources = self.sources.with_flag(flag, key, Some(value));
        self
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        load(&self.sources)
    }

    fn config(&self) -> Config {
        self.load().unwrap().config
    }

    fn error(&self) -> String {
        self.load().unwrap_err().to_string()
    }
}

#[test]
fn later_layers_win() {
    let listen = |given: Given| given.config().server.listen.to_string();
    assert_eq!(listen(Given::nothing()), "127.0.0.1:8030");
    let file = || Given::nothing().file("[server]\nlisten = \"127.0.0.1:1\"");
    assert_eq!(listen(file()), "127.0.0.1:1");
    let environment = || file().environment(&[("FANFARE_SERVER__LISTEN", "127.0.0.1:2")]);
    assert_eq!(listen(environment()), "127.0.0.1:2");
    assert_eq!(listen(environment().flag("--listen", "server.listen", "127.0.0.1:3")), "127.0.0.1:3");
}

#[test]
fn the_environment_gives_every_type() {
    let config = Given::nothing()
        .environment(&[
            ("FANFARE_SERVER__INSECURE", "true"),
            ("FANFARE_SERVER__SHUTDOWN_TIMEOUT", "1m 30s"),
            ("FANFARE_APPLICATION_DEFAULTS__WEIGHT", "7"),
            ("FANFARE_APPLICATION_DEFAULTS__URGENCY", "very-low"),
            ("UNRELATED", "x"),
            ("FANFARE_CONFIG", "not a setting"),
        ])
        .config();
    assert!(config.server.insecure);
    assert_eq!(config.server.shutdown_timeout, Duration::from_secs(90));
    let application = &config.effective_applications()[0];
    assert_eq!((application.weight, application.defaults.urgency), (7, Urgency::VeryLow));
}

#[test]
fn applications_take_what_they_leave_out_from_the_defaults() {
    let config = Given::nothing()
        .file(
            "[application_defaults]\ncontact = \"mailto:ops@shop.example.com\"\nttl = \"1h\"\n\
             [[applications]]\nname = \"shop\"\nttl = \"0s\"\npadding = \"maximum\"\nweight = 5",
        )
        .config();
    let applications = config.effective_applications();
    let names: Vec<_> = applications.iter().map(|application| application.name.as_str()).collect();
    assert_eq!(names, ["shop", "default"], "`default` always exists");
    assert!(applications.iter().all(|application| application.contact == "mailto:ops@shop.example.com"));
    assert_eq!(applications[0].defaults.ttl, Duration::ZERO);
    assert_eq!(applications[1].defaults.ttl, Duration::from_secs(3_600));
    assert_eq!(applications[0].defaults.padding, Padding::Maximum);
    assert_eq!(applications[1].defaults.padding, Padding::None);
    assert_eq!((applications[0].weight, applications[1].weight), (5, 100));
}

#[test]
fn unknown_keys_and_wrong_types_name_the_key_and_where_it_came_from() {
    let misspelt = Given::nothing().file("[server]\nlisen = \"x\"").error();
    let expected =
        "fanfare.toml:2: server.lisen: there is no such setting: is listen meant? Known here are calls, ";
    assert!(misspelt.contains(expected), "{misspelt}");
    for (variable, value, expected) in [
        (
            "FANFARE_SERVER__LISEN",
            "x",
            "variable FANFARE_SERVER__LISEN: server.lisen: there is no such setting: is listen meant?",
        ),
        (
            "FANFARE_SERVER__LISTEN",
            "x",
            "FANFARE_SERVER__LISTEN: server.listen: \"x\" is no address and port such as ",
        ),
        ("FANFARE_SERVER__INSECURE", "perhaps", "server.insecure: invalid type: string \"perhaps\""),
        (
            "FANFARE_SERVER__SHUTDOWN_TIMEOUT",
            "5",
            "server.shutdown_timeout: invalid value: string \"5\", expected a duration; the default is \"45s\"",
        ),
    ] {
        let error = Given::nothing().environment(&[(variable, value)]).error();
        assert!(error.contains(expected), "{error}");
    }
    let flag = Given::nothing().flag("--listen", "server.listen", "here").error();
    assert!(flag.contains("\n  --listen: server.listen: "), "{flag}");
    let toml = Given::nothing().file("[server").error();
    assert!(toml.contains("fanfare.toml:1: this is no TOML: "), "{toml}");
    // Nothing of what stands there is repeated where it may be a secret.
    for key in ["[store.sealing]\nmaster_key", "[gcm]\napi_key", "[transport]\negress_proxy"] {
        for value in ["\"a-secret", "[\"a-secret\"]", "{ a-secret = 1 }"] {
            let hidden = Given::nothing().file(&format!("{key} = {value}")).error();
            assert!(hidden.contains("fanfare.toml:2: ") && !hidden.contains("a-secret"), "{hidden}");
        }
    }
    let mut missing = Given::nothing();
    missing.sources.file = Some("there/is/no/such.toml".into());
    assert!(missing.error().contains("not found"), "{}", missing.error());
}

#[test]
fn all_that_cannot_be_is_reported_at_once() {
    let given = Given::nothing().file(
        "[server]\nlisten = \"0.0.0.0:9000\"\nshutdown_timeout = \"0s\"\n[admin]\nlisten = \"0.0.0.0:9000\"\n\
         [log]\nfilter = \"fanfare=loud\"\n[application_defaults]\ncontact = \"me\"\n\
         [[applications]]\nname = \"Shop\"\nttl = \"29days\"\n[[applications]]\nname = \"Shop\"\nweight = 0",
    );
    let expected = [
        ("server.listen", 2),
        ("admin.listen", 5),
        ("admin.listen", 5),
        ("engine.shutdown_grace", 0),
        ("server.http.drain_timeout", 0),
        ("log.filter", 7),
        ("applications[0].name", 11),
        ("applications[1].name", 14),
        ("applications[1].name", 14),
        ("application_defaults.contact", 9),
        ("applications[0].ttl", 12),
        ("applications[1].weight", 15),
    ];
    assert_eq!(problems_of(&given), expected);
}

/// The keys of all problems with their lines; 0 where nothing was said in the file.
fn problems_of(given: &Given) -> Vec<(&'static str, usize)> {
    let ConfigError::Invalid(problems) = given.load().unwrap_err() else { panic!("it reads") };
    let file = given.sources.file.as_ref().unwrap().display().to_string();
    let line = |place: &str| place.strip_prefix(&*file)?.strip_prefix(':')?.parse().ok();
    problems
        .into_iter()
        .map(|problem| (&*problem.key.leak(), problem.place.as_deref().and_then(line).unwrap_or_default()))
        .collect()
}

#[test]
fn what_does_not_read_is_reported_at_once_too() {
    let given = Given::nothing()
        .file(
            "[server]\nlisten = 8030\nlisen = 1\n[server.tls]\ncertificate = 1\nprivate_key = \"x\"\n[nonsense]\na = 1\n\
             [engine]\nmax_unsettled = \"many\"\nremoval_share_max = 20\n[[applications]]\nttl = \"1h\"\n\
             [[applications]]\nname = \"shop\"\nttl = 5\nurgency = \"loud\"\n[[applications]]\nname = \"Shop\"",
        )
        .environment(&[("FANFARE_ADMIN__LISTEN", "there")]);
    let expected = [
        ("server.listen", 2),
        ("server.lisen", 3),
        ("server.tls.certificate", 5),
        ("engine.max_unsettled", 10),
        ("applications[0]", 12),
        ("applications[1].ttl", 16),
        ("applications[1].urgency", 17),
        ("nonsense", 7),
        ("admin.listen", 0),
        // What else is wrong; not that a private key has no certificate, which may be meant to have one.
        ("applications[2].name", 19),
    ];
    let mut found = problems_of(&given);
    let order = |problem: &(&str, usize)| (problem.1, problem.0.to_owned());
    found.sort_by_key(order);
    let mut expected = expected.to_vec();
    expected.sort_by_key(order);
    assert_eq!(found, expected, "{}", given.error());
}

#[test]
fn variables_of_others_are_passed_over_with_a_warning() {
    let given = Given::nothing().environment(&[
        ("FANFARE_PORT", "tcp://10.0.0.7:8030"),
        ("FANFARE_SERVICE_HOST", "10.0.0.7"),
        ("FANFARE_PORT_8030_TCP_ADDR", "10.0.0.7"),
        ("FANFARE_NON__SENSE", "x"),
        ("FANFARE_LOG__FILTER", "warn"),
        ("FANFARE_TOKEN", "x"),
    ]);
    let loaded = given.load().unwrap();
    assert_eq!(loaded.config.log.filter, "warn");
    assert_eq!(loaded.warnings.len(), 1);
    let names = "FANFARE_NON__SENSE, FANFARE_PORT, FANFARE_PORT_8030_TCP_ADDR, FANFARE_SERVICE_HOST. ";
    assert!(loaded.warnings[0].contains(names), "{:?}", loaded.warnings);
    assert!(!loaded.warnings[0].contains("10.0.0.7"));
    assert_eq!(Given::nothing().load().unwrap().warnings, [""; 0]);
}

#[test]
fn localhost_is_an_address() {
    let given = Given::nothing()
        .file("[server]\nlisten = \"localhost:1\"\n[admin]\nlisten = \"localhost:2\"")
        .environment(&[("FANFARE_RECEIPTS__LISTEN", "localhost:3")]);
    let config = given.config();
    let listen = [config.server.listen, config.admin.listen, config.receipts.listen.unwrap()];
    assert_eq!(listen.map(|address| address.to_string()), ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]);
}

#[test]
fn bounds_that_would_stop_everything_are_refused() {
    for (toml, key) in [
        ("[engine]\nmax_unsettled = 0", "engine.max_unsettled"),
        ("[engine]\nmax_targets_in_memory = 511", "engine.max_targets_in_memory"),
        ("[engine]\nretry_base = \"2h\"", "engine.retry_base"),
        ("[engine]\nremoval_window = \"2h\"", "engine.removal_window"),
        ("[engine]\nremoval_share_max = 0.0", "engine.removal_share_max"),
        ("[engine]\nremoval_share_max = 20.0", "engine.removal_share_max"),
        ("[engine]\nremoval_count_min = 0", "engine.removal_count_min"),
        ("[store]\nreads = 0", "store.reads"),
        ("[server.http]\nanswer_octets_max = 1", "server.http.answer_octets_max"),
        ("[server.http]\ncors_origins = [\"*\"]", "server.http.cors_origins[0]"),
        ("[server.calls]\nstreams_max = 0", "server.calls.streams_max"),
        ("[server.calls]\nshare_percent_max = 101", "server.calls.share_percent_max"),
        ("[server.http]\naddress_share_percent_max = 0", "server.http.address_share_percent_max"),
        ("[server.http]\nanswers_octets_max = 4194304", "server.http.answers_octets_max"),
        ("[transport]\ndeadline = \"0s\"", "transport.deadline"),
        ("[push_services]\nhosts = [\"https://x.example\"]", "push_services.hosts[0]"),
        (
            "[[push_services.exceptions]]\nname = \"x\"\nhost = \"x.example\"\nport = 80\nallow_http = true",
            "push_services.exceptions[0]",
        ),
    ] {
        let ConfigError::Invalid(problems) = Given::nothing().file(toml).load().unwrap_err() else {
            panic!("{toml} does not read")
        };
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].key, key, "{problems:?}");
    }
}

#[test]
fn other_than_loopback_addresses_need_to_be_meant() {
    let toml = "[server]\nlisten = \"0.0.0.0:8030\"";
    let refused = Given::nothing().file(toml).error();
    assert!(refused.contains("--insecure") && refused.contains("--credentials-required"), "{refused}");
    let asked = format!("{toml}\ncredentials_required = true");
    assert!(Given::nothing().file(&asked).config().server.asks_who_calls());
    let meant = Given::nothing().file(toml).flag("--insecure", "server.insecure", "true");
    assert!(meant.config().server.insecure);
}

#[test]
fn what_came_out_is_shown_and_reads_again() {
    let given = Given::nothing().environment(&[
        ("FANFARE_APPLICATION_DEFAULTS__WEIGHT", "7"),
        ("FANFARE_SERVER__HTTP__CORS_ORIGINS", "https://one.example, https://two.example"),
        ("FANFARE_GCM__API_KEY", "a secret"),
    ]);
    let shown = given.load().unwrap().to_toml();
    assert!(shown.contains("weight = 7"), "{shown}");
    assert!(shown.contains("[\"https://one.example\", \"https://two.example\"]"), "{shown}");
    assert!(shown.contains("api_key = \"<redacted>\""), "{shown}");
    assert!(!format!("{:?} {:?}", given.sources, given.load().unwrap()).contains("a secret"));
    assert_eq!(Given::nothing().file(&shown).load().unwrap().to_toml(), shown);
}

/// Parts that have defaults of their own, for their tests: they must be those of the documentation.
#[test]
fn the_documented_defaults_are_those_of_the_code() {
    let config = Given::nothing().config();
    assert_eq!(config.application_defaults.contact, PLACEHOLDER_CONTACT);
    assert_eq!(config.server.http, ServerSettings::default());
    assert_eq!(config.server.calls, ApiSettings::default());
    assert_eq!(config.engine, EngineSettings::default());
    assert_eq!(config.retention, RetentionSettings::default());
    assert_eq!(config.store.settings(), StoreSettings::default());
    assert_eq!(format!("{:?}", config.log), format!("{:?}", LogSettings::default()));
    assert_eq!(format!("{:?}", config.transport), format!("{:?}", HttpSettings::default()));
    assert_eq!(format!("{:?}", config.push_services), format!("{:?}", PushServicesSettings::default()));
}

/// `default.toml` with its settings that have no default.
fn with_optional_settings() -> String {
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') && !setting.is_empty() => setting.to_owned(),
        Some(_) | None => line.to_owned(),
    };
    DEFAULT_TOML.lines().map(uncommented).collect::<Vec<_>>().join("\n")
}

fn table_at<'a>(root: &'a mut toml::Table, path: &[String]) -> &'a mut toml::Table {
    path.iter().fold(root, |table, key| {
        let value = table.get_mut(key).unwrap();
        let value = if value.is_array() { &mut value.as_array_mut().unwrap()[0] } else { value };
        value.as_table_mut().unwrap()
    })
}

/// The paths of all tables in it.
fn table_paths(table: &toml::Table, path: &[String]) -> Vec<Vec<String>> {
    let mut paths = vec![path.to_vec()];
    for (key, value) in table {
        let inner = match value.as_array() {
            Some(values) => values.first().and_then(toml::Value::as_table),
            None => value.as_table(),
        };
        if let Some(inner) = inner {
            paths.extend(table_paths(inner, &[path, std::slice::from_ref(key)].concat()));
        }
    }
    paths
}

/// Each table refuses an unknown key, and names those it knows: they are those that `default.toml` documents.
#[test]
fn every_setting_is_documented() {
    let documented: toml::Table = with_optional_settings().parse().unwrap();
    let examples = Given::nothing().file(&documented.to_string()).load();
    let unread = |problem: &Problem| {
        ["no such", "invalid", "must be set"].iter().any(|told| problem.description.contains(told))
    };
    if let Err(error) = examples {
        let ConfigError::Invalid(problems) = error else { panic!("{error}") };
        assert!(!problems.iter().any(unread), "the examples read: {problems:#?}");
    }
    for path in table_paths(&documented, &[]) {
        let mut spoilt = documented.clone();
        table_at(&mut spoilt, &path).insert("no_such_key".to_owned(), 1.into());
        let error = Given::nothing().file(&spoilt.to_string()).error();
        let line =
            error.lines().find(|line| line.contains("no_such_key: there is no such setting")).expect(&error);
        let (_, known) = line.split_once("Known here are ").expect(&error);
        let known: BTreeSet<_> = known.split(", ").map(str::to_owned).collect();
        let here: BTreeSet<_> = table_at(&mut documented.clone(), &path).keys().cloned().collect();
        assert_eq!(known, here, "{path:?}");
    }
}
