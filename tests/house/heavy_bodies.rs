//! The fear: a body that is too long, or that never ends, takes the daemon's memory, its time, or the sender's answer.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::json;

use crate::{
    kit::door::{OpenDoor, TOKEN, order},
    tokens::{Held, open},
};

const CAP: usize = 1024 * 1024;

fn head(length: &str, token: &str) -> String {
    format!(
        "POST /v1/payouts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: k\r\n\
         Content-Type: application/json\r\n{length}\r\n\r\n"
    )
}

/// Sends everything before it reads anything, as simple clients do, and reads until the other side closes or stops.
fn send_all_then_read(address: SocketAddr, parts: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for part in parts {
        stream.write_all(part).expect("the door must not hang up on a sender who is still sending");
    }
    read_head_and_body(&mut stream)
}

fn read_head_and_body(stream: &mut TcpStream) -> String {
    let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&text).contains("\"instance\"") {
        let count = stream.read(&mut chunk).expect("an answer, and no reset");
        assert!(count > 0, "closed without an answer: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&chunk[..count]);
    }
    String::from_utf8(text).unwrap()
}

async fn in_thread(work: impl FnOnce() -> String + Send + 'static) -> String {
    actix_web::web::block(work).await.unwrap()
}

/// F-P24: one byte more than the cap is a 413 that the sender can read, in every way of sending.
#[actix_web::test]
async fn a_body_over_the_cap_is_always_answered_and_never_reset() {
    let door = OpenDoor::open().await;
    let address = door.address;
    for size in [CAP + 1, 8 * CAP] {
        let written_first = in_thread(move || {
            let body = vec![b' '; size];
            send_all_then_read(address, &[head(&format!("Content-Length: {size}"), TOKEN).as_bytes(), &body])
        });
        let text = written_first.await;
        assert!(text.starts_with("HTTP/1.1 413 "), "{size}: {text}");
        assert!(text.contains("/problems/body-too-large"), "{size}: {text}");

        let chunked = in_thread(move || {
            let chunk = [format!("{:x}\r\n", 65_536).as_bytes(), &[b' '; 65_536], b"\r\n"].concat();
            let start = head("Transfer-Encoding: chunked", TOKEN);
            let mut parts: Vec<&[u8]> = vec![start.as_bytes()];
            parts.extend(std::iter::repeat_n(chunk.as_slice(), size / 65_536 + 1));
            parts.push(b"0\r\n\r\n");
            send_all_then_read(address, &parts)
        });
        assert!(chunked.await.starts_with("HTTP/1.1 413 "), "{size}");
    }
    let asked_first = in_thread(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(head(&format!("Content-Length: {}", 64 * CAP), TOKEN).as_bytes()).unwrap();
        read_head_and_body(&mut stream)
    });
    assert!(asked_first.await.starts_with("HTTP/1.1 413 "));
    assert_eq!(door.office.taken(), 0);
    assert_eq!(door.order("after", &order("1")).await.status, 202);
}

/// A body that has arrived is read to its end before the answer goes out, so that the connection serves the next request: a
/// client that made a mistake does not pay with its connection, nor does it wait for one to be closed.
#[actix_web::test]
async fn a_refused_body_that_has_arrived_does_not_cost_the_connection() {
    let door = OpenDoor::open().await;
    let address = door.address;
    for (status, token, size) in [("413", TOKEN, CAP + 1), ("401", "wrong", 100), ("401", "wrong", 4 * CAP)] {
        let both = in_thread(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream.write_all(head(&format!("Content-Length: {size}"), token).as_bytes()).unwrap();
            stream.write_all(&vec![b' '; size]).unwrap();
            let refused = read_head_and_body(&mut stream);
            stream.write_all(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            format!("{refused}{}", read_head_and_body(&mut stream))
        });
        let both = both.await;
        assert!(both.starts_with(&format!("HTTP/1.1 {status} ")), "{both}");
        assert!(both.contains("HTTP/1.1 404 ") && !both.contains("connection: close"), "{both}");
    }
    // Whoever takes his time is told to close, and what he still sends is dropped.
    let slow = in_thread(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(head(&format!("Content-Length: {}", 2 * CAP), TOKEN).as_bytes()).unwrap();
        let refused = read_head_and_body(&mut stream);
        stream.write_all(&vec![b' '; 2 * CAP]).expect("what still comes is dropped, without a reset");
        refused
    });
    let slow = slow.await;
    assert!(slow.starts_with("HTTP/1.1 413 ") && slow.contains("connection: close"), "{slow}");
}

/// A stranger's long body is not read for his sake, and he reads his 401 all the same.
#[actix_web::test]
async fn a_stranger_with_a_long_body_reads_his_refusal() {
    let door = OpenDoor::open().await;
    let address = door.address;
    let refused = in_thread(move || {
        let body = vec![b' '; 4 * CAP];
        send_all_then_read(
            address,
            &[head(&format!("Content-Length: {}", body.len()), "wrong").as_bytes(), &body],
        )
    });
    assert!(refused.await.starts_with("HTTP/1.1 401 "));
}

#[actix_web::test]
async fn a_body_of_exactly_the_cap_is_read() {
    let door = OpenDoor::open().await;
    let mut body = serde_json::to_vec(&order("1")).unwrap();
    body.resize(CAP, b' ');
    assert_eq!(door.order_raw(body).await.status, 202);
}

#[actix_web::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let door = OpenDoor::open_with(|settings| settings.body_within = Duration::from_millis(200)).await;
    let address = door.address;
    let slow = in_thread(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(head("Content-Length: 100", TOKEN).as_bytes()).unwrap();
        stream.write_all(b"{").unwrap();
        read_head_and_body(&mut stream)
    });
    let text = slow.await;
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("/problems/request-timeout"), "{text}");
    assert_eq!(door.office.taken(), 0);
}

/// F001-09: whoever sends slowly to the public routes takes no place from those who sign in, nor from the code that the kill switch wants.
#[actix_web::test]
async fn slow_bodies_at_the_sign_in_keep_nobody_from_it() {
    let house = open().await;
    let boss = house.careful("boss", "admin").await;
    let interim = house.half_way("boss").await;
    let held = Held::of(&house.finish(&interim, &boss.backup_codes[0]).await);
    let slow: Vec<_> = (0..80)
        .map(|_| {
            let mut stream = TcpStream::connect(house.door.address).unwrap();
            let head = "POST /v1/auth/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    house.half_way("boss").await;
    let code = json!({ "code": boss.backup_codes[1] });
    let stepped = house.ask(&held.access, "/v1/auth/step-up", code).await;
    assert_eq!(stepped.status, 200, "{}", stepped.text);
    drop(slow);
}
