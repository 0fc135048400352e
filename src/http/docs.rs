//! `/docs`: a page to read the API's description, from files that are part of the program.
//!
//! Its policy lets it load its own files and ask its own server, and nothing else from anywhere: no inline script, no
//! inline style, no frame.

use std::sync::{Arc, LazyLock};

use actix_web::{HttpResponse, http::header, web::Path};
use utoipa_swagger_ui::Config;

use super::problem::{Kind, Problem};

/// What the page may do. `data:` is for the small pictures inside of its style sheet.
pub const DOCS_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                            base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("/v1/openapi.json");
    // Without this the page would show its document to a validator on the net.
    Arc::new(config.validator_url("none").persist_authorization(false).deep_linking(true))
});

/// Where the page begins: its files stand beside it.
#[utoipa::path(
    get, path = "/docs", tag = "documents", operation_id = "docs",
    responses((status = 302, description = "The page to read this description"))
)]
pub async fn front() -> HttpResponse {
    HttpResponse::Found().insert_header((header::LOCATION, "/docs/index.html")).finish()
}

/// Every text of the page is UTF-8, and says so: nobody has to guess.
fn with_charset(content_type: String) -> String {
    let is_text = content_type.starts_with("text/") || content_type.ends_with("javascript");
    if is_text && !content_type.contains("charset") {
        format!("{content_type}; charset=utf-8")
    } else {
        content_type
    }
}

/// A file of the page
#[utoipa::path(
    get, path = "/docs/{file}", tag = "documents", operation_id = "docsFile",
    params(("file" = String, Path, description = "`index.html` and what it names")),
    responses((status = 200, description = "The file", content_type = "text/html", body = String),
              (status = 404, description = "The page has no such file", content_type = "application/problem+json", body = super::problem::ProblemBody))
)]
pub async fn file(file: Path<String>) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::new(Kind::NotFound, "the page has no such file; it begins at /docs");
    let served = utoipa_swagger_ui::serve(&file, CONFIG.clone()).map_err(|error| {
        tracing::error!(%error, "the page to read the API's description can not be made");
        Problem::new(Kind::Internal, "the cause stands in the log, under this request's id")
    })?;
    let served = served.ok_or_else(unknown)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, DOCS_CSP))
        .content_type(with_charset(served.content_type));
    Ok(response.body(served.bytes.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ASVS 4.1.1: what is guessed can be guessed wrong.
    #[test]
    fn every_text_of_the_page_says_its_charset() {
        let mut texts = 0;
        for name in [
            "index.html",
            "swagger-ui.css",
            "index.css",
            "swagger-ui-bundle.js",
            "swagger-initializer.js",
            "favicon-32x32.png",
        ] {
            let served = utoipa_swagger_ui::serve(name, CONFIG.clone()).unwrap().unwrap();
            let said = with_charset(served.content_type);
            let is_picture = said.starts_with("image/");
            assert_eq!(said.matches("charset=utf-8").count(), usize::from(!is_picture), "{name}: {said}");
            texts += usize::from(!is_picture);
        }
        assert_eq!(texts, 5);
    }
}
