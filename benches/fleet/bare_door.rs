//! The door's limit: bare actix-web reads the same orders and writes each into one table, with one insert and its own commit. It
//! checks nothing and pays nobody.

use crate::database;
use crate::door::{Waits, order_at_a_pace};
use actix_web::web::{self, Data, Json};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde::Deserialize;
use serde_json::json;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgPool};

const TABLE: &str = "CREATE TABLE payout (id TEXT PRIMARY KEY, account TEXT NOT NULL, idempotency_key TEXT NOT NULL, \
     recipient TEXT NOT NULL, amount TEXT NOT NULL, reference TEXT, UNIQUE (account, idempotency_key))";
const INSERT: &str = "INSERT INTO payout (id, account, idempotency_key, recipient, amount, reference) \
     VALUES ($1, 'house', $2, $3, $4, $5)";
/// As many as the house's store has.
const CONNECTIONS: u32 = 16;
/// As many as the house's door has.
const WORKERS: usize = 2;

#[derive(Deserialize)]
struct Order {
    recipient: String,
    amount: String,
    reference: Option<String>,
}

pub(crate) async fn run(schema: &str, orders_per_s: f64) -> Waits {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_lazy_with(database::options(schema));
    pool.execute(TABLE).await.unwrap();
    let data = Data::new(pool);
    let app = move || App::new().app_data(data.clone()).route("/v1/payouts", web::post().to(create));
    let server = HttpServer::new(app).workers(WORKERS).bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix::spawn(server);
    let waits = order_at_a_pace(address, orders_per_s).await;
    handle.stop(true).await;
    waits
}

async fn create(request: HttpRequest, order: Json<Order>, pool: Data<PgPool>) -> HttpResponse {
    let id = format!("{:032x}", fastrand::u128(..));
    let key = request.headers().get("idempotency-key").unwrap().to_str().unwrap();
    let Order { recipient, amount, reference } = order.into_inner();
    let insert = sqlx::query(INSERT).bind(&id).bind(key).bind(&recipient).bind(&amount).bind(&reference);
    pool.execute(insert).await.unwrap();
    let body = json!({ "id": id, "recipient": recipient, "amount": amount, "reference": reference });
    HttpResponse::Accepted().json(body)
}
