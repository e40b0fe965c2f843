//! The browser library of `clients/web` and the demo's page, as the program carries them: what it serves needs no files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A file to serve: path below the site's root, media type, content.
pub type Asset = (&'static str, &'static str, &'static str);

const SCRIPT: &str = "text/javascript; charset=utf-8";
const PAGE: &str = "text/html; charset=utf-8";

/// The library's modules, below `/fanfare/`.
pub const LIBRARY: [Asset; 6] = [
    ("/fanfare/page.js", SCRIPT, include_str!("../clients/web/src/page.js")),
    ("/fanfare/worker.js", SCRIPT, include_str!("../clients/web/src/worker.js")),
    ("/fanfare/grpc-web.js", SCRIPT, include_str!("../clients/web/src/grpc-web.js")),
    ("/fanfare/push.js", SCRIPT, include_str!("../clients/web/src/push.js")),
    ("/fanfare/receipts.js", SCRIPT, include_str!("../clients/web/src/receipts.js")),
    ("/fanfare/shared.js", SCRIPT, include_str!("../clients/web/src/shared.js")),
];

/// The demo's page and its worker.
pub const DEMO: [Asset; 6] = [
    ("/", PAGE, include_str!("../clients/web/demo/index.html")),
    ("/opened.html", PAGE, include_str!("../clients/web/demo/opened.html")),
    ("/demo.js", SCRIPT, include_str!("../clients/web/demo/demo.js")),
    ("/sw.js", SCRIPT, include_str!("../clients/web/demo/sw.js")),
    ("/demo.css", "text/css; charset=utf-8", include_str!("../clients/web/demo/demo.css")),
    ("/icon.svg", "image/svg+xml", include_str!("../clients/web/demo/icon.svg")),
];

/// Path and media type of what [`icon`] gives.
pub const ICON: (&str, &str) = ("/icon.png", "image/png");

/// `icon.svg` as a PNG of 96 pixels, in 32 colours: neither Firefox nor Chromium shows an SVG in a notification. Kept as text.
///
/// # Errors
///
/// If the text in the source is not base64.
pub fn icon() -> Result<Vec<u8>, base64::DecodeError> {
    let lines: String = include_str!("../clients/web/demo/icon.png.base64").lines().collect();
    STANDARD.decode(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_icon_is_a_png() {
        assert_eq!(icon().unwrap()[..8], *b"\x89PNG\r\n\x1a\n");
        assert!(DEMO.iter().any(|(path, _, script)| *path == "/demo.js" && script.contains(&ICON.0[1..])));
    }

    /// A module that names a file which is not served would fail in the browser only.
    #[test]
    fn everything_that_is_loaded_is_there() {
        let all: Vec<Asset> = LIBRARY.into_iter().chain(DEMO).collect();
        for (path, media_type, content) in &all {
            if *media_type != SCRIPT {
                continue;
            }
            let folder = &path[..=path.rfind('/').unwrap()];
            let imports =
                content.lines().filter(|line| line.starts_with("import ") || line.starts_with("export {"));
            for line in imports {
                let Some((_, rest)) = line.split_once(" from \"") else { continue };
                let name = rest.split('"').next().unwrap();
                let wanted =
                    name.strip_prefix("./").map_or(name.to_owned(), |name| format!("{folder}{name}"));
                assert!(all.iter().any(|(path, ..)| *path == wanted), "{path} loads {wanted}");
            }
        }
        let (_, _, page) = DEMO[0];
        for (path, ..) in &DEMO[2..] {
            assert!(*path == "/sw.js" || page.contains(&path[1..]), "{path} is not used");
        }
    }
}
