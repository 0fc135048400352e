//! The pages that java-tron's web server (Jetty) writes when a path or a method is not served.

use actix_web::http::StatusCode;

/// The content type of those pages.
pub(crate) const CONTENT_TYPE: &str = "text/html;charset=iso-8859-1";

/// A path that nobody serves, asked by GET.
pub(crate) fn not_found(path: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, page(404, "Not Found", path))
}

/// A method that a path does not serve. Jetty says the same of a POST to a path that is not there.
pub(crate) fn method_not_served(method: &str, path: &str) -> (StatusCode, String) {
    let reason = format!("HTTP method {method} is not supported by this URL");
    (StatusCode::METHOD_NOT_ALLOWED, page(405, &reason, path))
}

fn page(status: u16, reason: &str, path: &str) -> String {
    let path = path.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<html>\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=ISO-8859-1\"/>\n\
         <title>Error {status} {reason}</title>\n</head>\n<body><h2>HTTP ERROR {status} {reason}</h2>\n<table>\n\
         <tr><th>URI:</th><td>/{path}</td></tr>\n<tr><th>STATUS:</th><td>{status}</td></tr>\n\
         <tr><th>MESSAGE:</th><td>{reason}</td></tr>\n<tr><th>SERVLET:</th><td>payoutd sandbox</td></tr>\n\
         </table>\n\n</body>\n</html>\n"
    )
}
