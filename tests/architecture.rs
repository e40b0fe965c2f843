//! Who may know whom: the table of docs/architecture.md, held against what the files below `src/` name of each other.
//!
//! A row's first column has the folder or file of each module that it is about, its last the modules that these may name, or
//! "everything". `a` without `a::b` means all of `a` but what stands below `a::b`. What tests name is not looked at: they may
//! know more. Nor are comments.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/architecture.md";
/// What begins the table's head.
const HEAD: &str = "| folder |";
/// The crate's roots: they declare modules, or call one.
const ROOTS: [&str; 2] = ["src/lib.rs", "src/main.rs"];

/// Whom a module may name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Everything,
    Only { known: BTreeSet<String>, without: BTreeSet<String> },
}

impl Rule {
    /// Reads the last column of a row.
    fn read(cell: &str) -> Self {
        if cell == "everything" {
            return Self::Everything;
        }
        let (mut known, mut without) = (BTreeSet::new(), BTreeSet::new());
        let mut words = cell.split('`');
        // Text and words in turn.
        while let (Some(before), Some(word)) = (words.next(), words.next()) {
            let set = if before.trim_end().ends_with("without") { &mut without } else { &mut known };
            set.insert(word.to_owned());
        }
        Self::Only { known, without }
    }

    fn allows(&self, path: &str) -> bool {
        let is_below = |above: &String| {
            path.strip_prefix(above.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        match self {
            Self::Everything => true,
            Self::Only { known, without } => known.iter().any(is_below) && !without.iter().any(is_below),
        }
    }
}

/// The rows of the table, by module.
fn rules(page: &str) -> BTreeMap<String, (String, Rule)> {
    let table = page.lines().skip_while(|line| !line.starts_with(HEAD)).skip(2);
    let mut rules = BTreeMap::new();
    for row in table.take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [folders, .., known] = &*cells else { panic!("{PAGE}: a row without columns: {row}") };
        for path in folders.split('`').filter_map(|word| word.strip_prefix("src/")) {
            let module = path.trim_end_matches('/').trim_end_matches(".rs").to_owned();
            let twice = rules.insert(module, ((*known).to_owned(), Rule::read(known)));
            assert!(twice.is_none(), "{PAGE}: two rows are about src/{path}");
        }
    }
    rules
}

/// A file without comments and without its tests, line by line.
fn code(text: &str) -> Vec<&str> {
    let mut code: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    // By convention a file's tests are its end.
    let tests = code.windows(2).position(|two| two[0] == "#[cfg(test)]" && two[1].ends_with("mod tests {"));
    code.truncate(tests.unwrap_or(code.len()));
    code
}

/// The paths that stand in a text from here on: one, or those of a tree in braces. Ends where the path does.
fn paths(text: &str, before: &str, into: &mut Vec<String>) -> usize {
    let text_length = text.len();
    let word = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text_length);
    let joined = |word: &str| match (before, word) {
        (before, "" | "self") => before.to_owned(),
        ("", word) => word.to_owned(),
        (before, word) => format!("{before}::{word}"),
    };
    if word > 0 {
        let path = joined(&text[..word]);
        if let Some(rest) = text[word..].strip_prefix("::") {
            return word + 2 + paths(rest, &path, into);
        }
        into.push(path);
        return word;
    }
    if !text.starts_with('{') {
        into.push(before.to_owned());
        return 0;
    }
    let mut at = 1;
    while at < text_length {
        match text[at..].chars().next() {
            Some('}') | None => return at + 1,
            Some(c) if c == ',' || c.is_whitespace() => at += c.len_utf8(),
            Some(_) => {
                let taken = paths(&text[at..], before, into);
                // `as` and whatever else ends a branch.
                let rest = &text[at + taken..];
                at += taken + rest.find([',', '}']).unwrap_or(rest.len());
            }
        }
    }
    at
}

/// What a file names below the crate's root, and in which line. `depth`: how many times `super` leads there.
fn named(text: &str, depth: usize) -> Vec<(usize, String)> {
    let code = code(text);
    let mut starts = Vec::new();
    let mut at = 0;
    let joined = code.join("\n");
    let climb = "super::".repeat(depth);
    for (number, line) in (1..).zip(&code) {
        for root in ["crate::", climb.as_str()] {
            for (place, _) in line.match_indices(root) {
                let before = line[..place].chars().next_back();
                // Neither the end of a longer name nor of a longer way up.
                if before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | ':' | '$')) {
                    starts.push((number, at + place + root.len()));
                }
            }
        }
        at += line.len() + 1;
    }
    let mut named = Vec::new();
    for (number, start) in starts {
        let mut found = Vec::new();
        paths(&joined[start..], "", &mut found);
        // A way up that leads beyond the root is that of a module in a file.
        named.extend(found.into_iter().filter(|path| !path.starts_with("super")).map(|path| (number, path)));
    }
    named
}

fn is_of_tests(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"))
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// One module names another.
#[derive(Debug)]
struct Knows {
    file: PathBuf,
    line: usize,
    module: String,
    /// Below the crate's root.
    path: String,
}

/// Everything that modules name of each other outside of tests, and all modules.
fn known() -> (Vec<Knows>, BTreeSet<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    files(&root.join("src"), &mut all);
    let mut modules = BTreeSet::new();
    let mut texts = Vec::new();
    for file in all {
        let file = file.strip_prefix(root).unwrap().to_owned();
        if ROOTS.iter().any(|is| file == Path::new(is)) {
            continue;
        }
        let parts: Vec<_> =
            file.with_extension("").iter().skip(1).map(|part| part.to_string_lossy().into_owned()).collect();
        let depth = parts.len() - usize::from(parts.last().is_some_and(|last| last == "mod"));
        modules.insert(parts[0].clone());
        texts.push((fs::read_to_string(root.join(&file)).unwrap(), file, parts[0].clone(), depth));
    }
    let mut knows = Vec::new();
    for (text, file, module, depth) in texts.into_iter().filter(|(_, file, ..)| !is_of_tests(file)) {
        for (line, path) in named(&text, depth) {
            let other = path.split("::").next().unwrap_or_default();
            // What is no module is an item of the root itself.
            if other != module && modules.contains(other) {
                knows.push(Knows { file: file.clone(), line, module: module.clone(), path });
            }
        }
    }
    (knows, modules)
}

#[test]
fn no_module_names_one_that_it_may_not_know() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
    let rules = rules(&page);
    let (knows, modules) = known();
    let without_row: Vec<_> = modules.iter().filter(|module| !rules.contains_key(*module)).collect();
    assert!(without_row.is_empty(), "{PAGE}: the table has no row for {without_row:?} of src/");
    let without_folder: Vec<_> = rules.keys().filter(|module| !modules.contains(*module)).collect();
    assert!(
        without_folder.is_empty(),
        "{PAGE}: the table has rows for {without_folder:?}, which src/ does not have"
    );
    let wrong: Vec<_> = knows
        .iter()
        .filter(|knows| !rules[&knows.module].1.allows(&knows.path))
        .map(|Knows { file, line, module, path }| {
            let cell = &rules[module].0;
            let may = if cell.is_empty() { "nobody" } else { cell };
            format!("{}:{line}: names {path}, but {module} may know {may} ({PAGE})\n", file.display())
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.concat());
}

#[test]
fn modules_do_not_know_each_other_in_a_circle() {
    let (knows, modules) = known();
    let mut edges = BTreeMap::<&str, BTreeMap<&str, &Knows>>::new();
    for one in &knows {
        let other = one.path.split("::").next().unwrap_or_default();
        edges.entry(&one.module).or_default().entry(other).or_insert(one);
    }
    // Whoever knows nobody that is left, or is known by nobody, is taken away: circles are what stays.
    let mut left: BTreeSet<&str> = modules.iter().map(String::as_str).collect();
    loop {
        let known: BTreeSet<&str> =
            left.iter().filter_map(|of| edges.get(of)).flat_map(BTreeMap::keys).copied().collect();
        let knows =
            |module: &&str| edges.get(module).is_some_and(|of| of.keys().any(|other| left.contains(other)));
        let bound: BTreeSet<&str> =
            left.iter().copied().filter(|of| known.contains(of) && knows(of)).collect();
        if bound.len() == left.len() {
            break;
        }
        left = bound;
    }
    let circle: Vec<_> = left
        .iter()
        .flat_map(|module| edges[module].iter().filter(|(other, _)| left.contains(*other)))
        .map(|(other, Knows { file, line, module, .. })| {
            format!("{module} knows {other}: {}:{line}\n", file.display())
        })
        .collect();
    assert!(circle.is_empty(), "\n{}", circle.concat());
}

#[test]
fn a_rule_is_read_as_it_is_meant() {
    let page = "| folder | what | whom |\n|---|---|---|\n| `proto/` | the contract | |\n| `src/a/`, `src/b.rs` | both | `c`, \
                `d` without `d::e` |\n| `src/c/` | last | everything |\n\ntext\n";
    let rules = rules(page);
    assert_eq!(rules.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    let of = &rules["a"].1;
    for (path, allowed) in
        [("c", true), ("c::x::Y", true), ("cc", false), ("d::f", true), ("d::e", false), ("d::e::f", false)]
    {
        assert_eq!(of.allows(path), allowed, "{path}");
    }
    assert_eq!(rules["c"].1, Rule::Everything);
    assert!(!Rule::read("").allows("a"));
}

#[test]
fn names_are_found_however_they_are_written() {
    let text = "use crate::a::{self, b::{C, D as E}, f};\n// crate::comment\nuse crate::{\n    g::H,\n    i,\n};\n\
                fn f() -> crate::j::K { super::super::l::m() }\nuse super::super::super::n;\nuse super::o;\n\
                #[cfg(test)]\nmod tests {\n    use crate::p;\n}\n";
    let found = named(text, 2);
    let found: Vec<_> = found.iter().map(|(line, path)| (*line, path.as_str())).collect();
    let names = [
        (1, "a"),
        (1, "a::b::C"),
        (1, "a::b::D"),
        (1, "a::f"),
        (3, "g::H"),
        (3, "i"),
        (7, "j::K"),
        (7, "l::m"),
    ];
    assert_eq!(found, names);
}
