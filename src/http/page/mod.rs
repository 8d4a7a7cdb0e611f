//! The live page: one HTML document with its style and its script inside, which asks this server only.
//!
//! Its parts are files beside this one. The browser runs them because the policy names their hashes, so
//! nothing that came in as data can ever run.

use std::sync::LazyLock;

use bytes::Bytes;

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The content security policy of the page. A test holds the hashes of the style and the script.
pub(crate) const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-A3YmwDVn9Sp97olNGJr4cVrJVq4ZqJbCo0L/4BY6HDY='; \
    script-src 'sha256-l5zA3wPzEBANUP9yukA9bKNkPJvuqGFDg7aSyyyIosY='; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The whole document.
pub(crate) fn html() -> Bytes {
    static WHOLE: LazyLock<Bytes> = LazyLock::new(|| {
        let [top, rest] = split(HTML, "{{style}}");
        let [middle, bottom] = split(rest, "{{script}}");
        [top, STYLE, middle, SCRIPT, bottom].concat().into()
    });
    WHOLE.clone()
}

fn split<'a>(text: &'a str, mark: &str) -> [&'a str; 2] {
    let (before, after) = text.split_once(mark).unwrap_or((text, ""));
    [before, after]
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    /// The hash of what is between `<NAME>` and `</NAME>`, as the browser finds it.
    fn source(name: &str) -> String {
        let page = String::from_utf8(html().to_vec()).unwrap();
        let (_, rest) = page.split_once(&format!("<{name}>")).unwrap();
        let (inside, after) = rest.split_once(&format!("</{name}>")).unwrap();
        assert!(!after.contains(&format!("<{name}")), "there is one {name}");
        format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(inside)))
    }

    #[test]
    fn policy_has_the_hashes_of_style_and_script() {
        for (directive, source) in
            [("style-src", source("style")), ("script-src", source("script"))]
        {
            assert!(
                POLICY.contains(&format!("{directive} {source};")),
                "POLICY in src/http/page/mod.rs has to say: {directive} {source}"
            );
        }
    }

    #[test]
    fn page_is_small_and_refers_to_nothing_elsewhere() {
        let page = String::from_utf8(html().to_vec()).unwrap();
        assert!(page.len() < 60 * 1024, "{} bytes", page.len());
        assert!(!page.contains("{{"));
        for elsewhere in ["https://", "src=", "@import", "url(", "style=", "onclick=", "onload="] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
        let urls = page.match_indices("http://").map(|(at, _)| &page[at..]);
        for url in urls {
            assert!(url.starts_with("http://www.w3.org/2000/svg"), "{}", &url[..40]);
        }
        for markup in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!page.contains(markup), "data is never markup: {markup}");
        }
    }
}
