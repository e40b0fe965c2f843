//! The README, word for word: what it tells to type does what it says.
//!
//! In its ```` ```console ```` blocks, lines that begin with `$ ` are commands (to the end of their quotes), and what
//! follows is what they print. All of them are run, in order, by bash in an empty directory, and what they print must be
//! what is shown. ```` ```toml file=NAME ```` is a file that the reader saves.
//!
//! * `cargo …` takes long, and is not run here: `.ci/run` must have the very same line.
//! * `fanfare serve` and `fanfare sandbox` are started, on free ports. What is told of ports is translated.
//! * grpcurl is not everywhere, so its commands are left out unless ignored tests are run too, as `.ci/run` does.
//! * Names, times, tokens and keys differ each time ([`without_volatile`]); heartbeats may come or not
//!   ([`without_heartbeats`]); an `accepted` frame may tell that some deliveries have ended already ([`without_moving`]).
//!
//! `README_WRITE=1 cargo test --test readme -- --ignored` writes what is printed into the README.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A piece of the README.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Whatever nobody types.
    Text(String),
    /// A file to save.
    File { name: String, content: String },
    /// A command, and what it prints.
    Command { command: String, prints: String },
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(repository().join("README.md")).unwrap()
}

/// Reads the README. Written one after the other, the pieces are the README again.
fn pieces(readme: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut lines = readme.lines().peekable();
    while let Some(line) = lines.next() {
        pieces.push(Piece::Text(line.to_owned()));
        if let Some(name) = line.strip_prefix("```toml file=") {
            let mut content = String::new();
            while let Some(line) = lines.next_if(|line| *line != "```") {
                content.extend([line, "\n"]);
            }
            pieces.push(Piece::File { name: name.to_owned(), content });
        } else if line == "```console" {
            while let Some(line) = lines.next_if(|line| *line != "```") {
                let first = line.strip_prefix("$ ").unwrap_or_else(|| panic!("not a command: {line}"));
                let mut command = first.to_owned();
                while command.matches('\'').count() % 2 == 1 {
                    command.extend(["\n", lines.next().unwrap()]);
                }
                let mut prints = String::new();
                while let Some(line) = lines.next_if(|line| *line != "```" && !line.starts_with("$ ")) {
                    prints.extend([line, "\n"]);
                }
                pieces.push(Piece::Command { command, prints });
            }
        }
    }
    pieces
}

fn written(pieces: &[Piece]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(line) => format!("{line}\n"),
        Piece::File { content, .. } => content.clone(),
        Piece::Command { command, prints } => format!("$ {command}\n{prints}"),
    };
    pieces.iter().map(piece).collect()
}

/// What the server says of the ports that it is given here.
const OUR_SETTINGS: [&str; 2] = ["admin.listen=\"127.0.0.1:0\" ", " server.listen=\"127.0.0.1:0\""];

/// A server or sandbox; it ends when this is dropped.
struct Started {
    child: Child,
    // Kept open: a child that prints into a closed pipe ends.
    _stdout: BufReader<ChildStdout>,
}

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Somebody who types what the README says.
struct Reader {
    directory: tempfile::TempDir,
    started: Vec<Started>,
    /// By port as the README has it: the one that is listened on.
    ports: BTreeMap<String, String>,
}

impl Reader {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), started: Vec::new(), ports: BTreeMap::new() }
    }

    /// A command line of bash, in the reader's directory, with `fanfare` on the path.
    fn bash(&self, command: &str) -> Command {
        let mut text = format!("exec 2>&1; {command}");
        for (shown, actual) in &self.ports {
            text = text.replace(&format!(":{shown}"), &format!(":{actual}"));
        }
        let program = Path::new(env!("CARGO_BIN_EXE_fanfare")).parent().unwrap().to_owned();
        let mut path = vec![program];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut bash = Command::new("bash");
        for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("FANFARE_")) {
            bash.env_remove(variable);
        }
        if let Some(port) = self.ports.get("8030") {
            bash.env("FANFARE_SERVER", format!("http://127.0.0.1:{port}"));
        }
        bash.args(["-c", &text])
            .current_dir(self.directory.path())
            .env("PATH", std::env::join_paths(path).unwrap());
        bash
    }

    fn save(&self, name: &str, content: &str) {
        let mut content = content.to_owned();
        for (shown, actual) in &self.ports {
            content = content.replace(&format!("port = {shown}\n"), &format!("port = {actual}\n"));
        }
        fs::write(self.directory.path().join(name), content).unwrap();
    }

    /// Runs a command to its end and gives what it prints.
    fn run(&self, command: &str) -> String {
        let output = self.bash(command).stdin(Stdio::null()).output().unwrap();
        self.shown(&String::from_utf8(output.stdout).unwrap())
    }

    /// Starts a command that runs on, on free ports, and gives what it prints: as many lines as the README shows.
    fn start(&mut self, command: &str, shown: &str) -> String {
        let ports = match command.split(' ').nth(1).unwrap() {
            "serve" => "--listen 127.0.0.1:0 --admin-listen 127.0.0.1:0",
            "sandbox" => "--listen 127.0.0.1:0 --control 127.0.0.1:0",
            other => panic!("fanfare {other} does not run on"),
        };
        let mut child = self
            .bash(&format!("exec {command} {ports} --exit-with-stdin"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        for _ in shown.lines() {
            stdout.read_line(&mut printed).unwrap();
        }
        self.started.push(Started { child, _stdout: stdout });
        for (shown, actual) in ports_in(shown).zip(ports_in(&printed)) {
            self.ports.insert(shown.to_owned(), actual.to_owned());
        }
        self.shown(&printed)
    }

    /// With the ports of the README.
    fn shown(&self, printed: &str) -> String {
        let mut text = printed.to_owned();
        for (shown, actual) in &self.ports {
            text = text.replace(&format!(":{actual}"), &format!(":{shown}"));
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        for setting in OUR_SETTINGS {
            text = text.replace(setting, "");
        }
        // grpcurl indents by tabs, which Markdown shows in eight columns.
        text.replace('\t', "    ")
    }
}

/// What follows `:` and has four digits or more.
fn ports_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(':').skip(1).filter_map(|rest| {
        let digits = rest.len() - rest.trim_start_matches(|octet: char| octet.is_ascii_digit()).len();
        (digits >= 4).then_some(&rest[..digits])
    })
}

/// Members whose values differ each time.
const VOLATILE: [&str; 11] = [
    "applicationServerKey",
    "createTime",
    "updateTime",
    "eventTime",
    "endTime",
    "expireTime",
    "eventId",
    "latency",
    "grantedTtl",
    "resumeToken",
    "time_micros",
];
/// What stands before values that differ each time, and that are no member of an object.
const BEFORE_VOLATILE: [&str; 4] = ["messages/", "subscriptions/", "VAPID key   ", "\"ttl\":"];

/// With `_` for what differs each time.
fn without_volatile(text: &str) -> String {
    // The time before a line of the log.
    let without_time = |line: &str| match line.split_once("Z  ") {
        Some((_, told)) if told.starts_with("INFO ") || told.starts_with("WARN ") => format!("_  {told}\n"),
        Some(_) | None => format!("{line}\n"),
    };
    let mut text: String = text.lines().map(without_time).collect();
    // Some builds of grpcurl put two spaces there.
    text = text.replace("\":  ", "\": ");
    for member in VOLATILE {
        let name = format!("\"{member}\":");
        text = replace_after(&text, &name, |rest| rest.find([',', '\n', '}']).unwrap_or(rest.len()));
    }
    for before in BEFORE_VOLATILE {
        let is_token = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        text =
            replace_after(&text, before, |rest| rest.find(|letter| !is_token(letter)).unwrap_or(rest.len()));
    }
    text
}

/// Puts `_` in the place of the first octets, as many as `length` says, behind each `before`.
fn replace_after(text: &str, before: &str, length: impl Fn(&str) -> usize) -> String {
    let mut parts = text.split(before);
    let mut replaced = parts.next().unwrap().to_owned();
    for part in parts {
        replaced.extend([before, "_", &part[length(part)..]]);
    }
    replaced
}

/// Without the frames that come only if a call takes long.
fn without_heartbeats(text: &str) -> String {
    let mut kept = String::new();
    for object in text.split_inclusive("\n}\n") {
        if !object.starts_with("{\n  \"frame\": {\n    \"progress\": {\n") {
            kept += object;
        }
    }
    kept
}

/// Members of a message that say how far it is.
const MOVING: [&str; 4] = ["\"state\"", "\"counts\"", "\"outcomes\"", "\"endTime\""];

/// Without how far a message is in its `accepted` frame, which is told as it stands: some deliveries may have ended.
fn without_moving(text: &str) -> String {
    let mut kept = String::new();
    for object in text.split_inclusive("\n}\n") {
        if !object.starts_with("{\n  \"frame\": {\n    \"accepted\": {\n") {
            kept += object;
            continue;
        }
        for line in object.lines() {
            // Members of the message are indented by eight, what is in them by more.
            let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
            let is_moving = MOVING.iter().any(|member| rest.starts_with(member));
            let is_end = rest.starts_with(['}', ']']);
            if indent.len() < 8 || indent.len() == 8 && !is_moving && !is_end {
                kept.extend([line.trim_end_matches(','), "\n"]);
            }
        }
    }
    kept
}

/// Types everything but what `is_left_out`; gives the README with what was printed.
fn follow(pieces: &[Piece], is_left_out: impl Fn(&str) -> bool) -> Vec<Piece> {
    let mut reader = Reader::new();
    let follow = |piece: &Piece| match piece {
        Piece::Command { command, .. } if command.starts_with("cargo ") || is_left_out(command) => {
            piece.clone()
        }
        Piece::Command { command, prints } => {
            let runs_on = command.starts_with("fanfare serve") || command.starts_with("fanfare sandbox");
            let printed = if runs_on {
                reader.start(command, prints)
            } else {
                without_heartbeats(&reader.run(command))
            };
            Piece::Command { command: command.clone(), prints: printed }
        }
        Piece::File { name, content } => {
            reader.save(name, content);
            piece.clone()
        }
        Piece::Text(_) => piece.clone(),
    };
    pieces.iter().map(follow).collect()
}

#[track_caller]
fn assert_same(readme: &[Piece], printed: &[Piece]) {
    let comparable = |text: &str| without_moving(&without_volatile(text));
    for (shown, printed) in readme.iter().zip(printed) {
        if let (Piece::Command { command, prints }, Piece::Command { prints: printed, .. }) = (shown, printed)
        {
            let same = comparable(prints) == comparable(printed);
            assert!(same, "the README shows\n\n$ {command}\n{prints}\nbut it prints\n\n{printed}");
        }
    }
}

/// Also what shows the effect of one.
fn needs_grpcurl(command: &str) -> bool {
    command.starts_with("grpcurl ") || command.ends_with("/received")
}

#[test]
fn the_readme_is_read_without_loss() {
    let readme = readme();
    let pieces = pieces(&readme);
    assert_eq!(written(&pieces), readme);
    let commands = pieces.iter().filter(|piece| matches!(piece, Piece::Command { .. })).count();
    assert!(commands > 15, "{commands}");
}

#[test]
fn long_commands_are_those_of_the_gate() {
    let gate = fs::read_to_string(repository().join(".ci/run")).unwrap();
    for piece in pieces(&readme()) {
        if let Piece::Command { command, .. } = piece
            && command.starts_with("cargo ")
        {
            assert!(gate.lines().any(|line| line.trim() == command), ".ci/run does not run `{command}`");
        }
    }
}

/// Commands of docs/testing.md name tests: those that do not exist any more fail there only when somebody runs them.
#[test]
fn the_tests_of_the_documentation_exist() {
    let page = fs::read_to_string(repository().join("docs/testing.md")).unwrap();
    let mut sources = String::new();
    for directory in ["src", "tests"] {
        read_sources(&repository().join(directory), &mut sources);
    }
    let mut seen = 0;
    for command in page.split('`').filter_map(|text| text.strip_prefix(".ci/test ")) {
        let words: Vec<_> = command.split(' ').collect();
        let names = if let ["--test", target, names @ ..] = words.as_slice() {
            let target = repository().join("tests").join(target);
            assert!(target.is_dir() || target.with_extension("rs").is_file(), "no test {}", target.display());
            names
        } else {
            words.as_slice()
        };
        for part in names.iter().flat_map(|name| name.split("::")) {
            let exists =
                [format!("mod {part}"), format!("fn {part}")].iter().any(|item| sources.contains(item));
            let is_part = sources.lines().any(|line| line.contains("fn ") && line.contains(part));
            assert!(exists || is_part, "no test has {part} in its name");
        }
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

fn read_sources(directory: &Path, sources: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn links_lead_somewhere() {
    for page in ["README.md", "CHANGELOG.md", "clients/README.md", "docs/testing.md", "docs/configuration.md"]
    {
        let page = repository().join(page);
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()) {
            let elsewhere = link.is_empty() || link.starts_with("https://");
            assert!(elsewhere || page.parent().unwrap().join(link).exists(), "{}: {link}", page.display());
        }
    }
}

#[test]
fn what_differs_each_time_is_recognised() {
    let one = "{\n  \"name\": \"messages/01a2\",\n  \"endTime\": \"2026-01-01T00:00:00Z\"\n}\nsubscriptions/00ff created\n";
    let other = "{\n  \"name\": \"messages/77b2\",\n  \"endTime\": \"2026-02-02T00:00:00Z\"\n}\nsubscriptions/1234 created\n";
    assert_eq!(without_volatile(one), without_volatile(other));
    assert_ne!(without_volatile(one), without_volatile(&other.replace("created", "updated")));
    let heartbeat = "{\n  \"frame\": {\n    \"progress\": {\n    }\n  }\n}\n";
    assert_eq!(without_heartbeats(&format!("{heartbeat}{one}")), one);
    let accepted = |status: &str| {
        format!(
            "{{\n  \"frame\": {{\n    \"accepted\": {{\n      \"message\": {{\n{status}      }}\n    }}\n  }}\n}}\n"
        )
    };
    let early = accepted(
        "        \"name\": \"_\",\n        \"state\": \"SENDING\",\n        \"counts\": {\n          \"pending\": 2\n        }\n",
    );
    let late = accepted("        \"name\": \"_\",\n        \"state\": \"DONE\"\n");
    assert_eq!(without_moving(&early), without_moving(&late));
    assert_ne!(without_moving(&early), without_moving(&late.replace('_', "other")));
}

#[test]
fn commands_print_what_is_shown() {
    let readme = pieces(&readme());
    assert_same(&readme, &follow(&readme, needs_grpcurl));
}

#[test]
#[ignore = "needs grpcurl: .ci/run has it"]
fn commands_print_what_is_shown_grpcurl_included() {
    let readme = pieces(&readme());
    let printed = follow(&readme, |_| false);
    if std::env::var_os("README_WRITE").is_some() {
        fs::write(repository().join("README.md"), written(&printed)).unwrap();
        return;
    }
    assert_same(&readme, &printed);
}
