//! `GET /problems/{word}`: the page of a problem's type, as it stands in `docs/problems/`.

use actix_web::{HttpResponse, web::Path};

use super::problem::{Kind, Problem};

/// Read what a problem means and what to do
#[utoipa::path(
    get, path = "/problems/{word}", tag = "documents", operation_id = "readProblemPage",
    params(("word" = String, Path, description = "The last part of the problem's type")),
    responses((status = 200, description = "The page, in Markdown", content_type = "text/plain", body = String),
              (status = 404, description = "No problem has this type", content_type = "application/problem+json", body = super::problem::ProblemBody))
)]
pub async fn page(word: Path<String>) -> Result<HttpResponse, Problem> {
    let Some(kind) = Kind::from_word(&word) else {
        let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        return Err(Problem::new(
            Kind::NotFound,
            format!("no problem has this type; there are {}", known.join(", ")),
        ));
    };
    // Plain text, so that a browser shows it and does not save it.
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(kind.page()))
}
