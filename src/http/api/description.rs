//! `/openapi.json`: what there is, for programs that make clients or tests of it.

use hyper::StatusCode;

use super::response::{Answer, document};

const OPENAPI: &str = include_str!("openapi.json");

pub(super) fn description() -> Answer {
    document(StatusCode::OK, "application/json", OPENAPI)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hyper::Method;
    use serde_json::Value;

    use super::*;
    use crate::http::api::route::Route;

    fn openapi() -> Value {
        serde_json::from_str(OPENAPI).unwrap()
    }

    /// HEAD and OPTIONS are there wherever they can be, so that they need no description.
    #[test]
    fn each_route_is_described_and_nothing_else() {
        let document = openapi();
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
                methods.map(|method| (path.replace("{name}", "NAME"), method.to_uppercase()))
            })
            .collect();
        let there: BTreeSet<(String, String)> = Route::ALL
            .iter()
            .flat_map(|path| {
                let methods = Route::find(path).unwrap().methods();
                let methods = methods.iter().map(Method::as_str);
                let methods = methods.filter(|method| !["HEAD", "OPTIONS"].contains(method));
                methods.map(|method| ((*path).to_owned(), method.to_owned()))
            })
            .collect();
        assert_eq!(described, there);
    }

    #[test]
    fn description_is_of_this_version() {
        let document = openapi();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
