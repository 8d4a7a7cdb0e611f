//! A panic that becomes an answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hyper::StatusCode;

use super::response::{Answer, Refusal, error};

/// The answer that `route` makes, or 500 if it panics.
pub(super) fn caught(path: &str, route: impl FnOnce() -> Result<Answer, Refusal>) -> Answer {
    // A route shares only registries and counts with others, and those are consistent at any time.
    match catch_unwind(AssertUnwindSafe(route)) {
        Ok(Ok(answer)) => answer,
        Ok(Err(refusal)) => refusal.into(),
        Err(_) => {
            tracing::error!(path, "panicked while answering a request");
            let why = "answering this request failed inside the server; its log says more";
            error(StatusCode::INTERNAL_SERVER_ERROR, why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_one_answer_that_says_so() {
        let answer = caught("/", || panic!("on purpose"));
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["content-type"], "application/json");
        let answer = caught("/", || Err(Refusal::new(StatusCode::NOT_FOUND, "not here")));
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
}
