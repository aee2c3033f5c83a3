//! Connections: who may come in, how many, and how they end.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::api::{Failure, FailureKind};

pub use super::routes::BODY_LIMIT;
use super::routes::{House, Peer, router};
use super::system;

/// Connections at once; more wait in the socket's queue.
const CONNECTIONS: usize = 512;
/// How long the head of a request may take, and a connection without one is kept.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How long calls under way may take once the daemon leaves.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long connections may take to end once no call is under way.
const LINGER: Duration = Duration::from_millis(500);

/// Serves until the daemon leaves; then no call is under way any more, or it took too long.
pub(super) async fn serve(listener: &UnixListener, house: Arc<House>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let left = house.attendance.left();
    tokio::pin!(left);
    loop {
        tokio::select! {
            () = &mut left => break,
            Some(_ended) = connections.join_next() => {}
            (stream, slot) = accept(listener, &slots) => {
                let house = house.clone();
                connections.spawn(async move {
                    connection(stream, house).await;
                    drop(slot);
                });
            }
        }
    }
    // whoever stays longer is cut off
    let _in_time = tokio::time::timeout(FAREWELL, house.attendance.calls_ended()).await;
    let ended = async { while connections.join_next().await.is_some() {} };
    let _in_time = tokio::time::timeout(LINGER, ended).await;
}

async fn accept(listener: &UnixListener, slots: &Arc<Semaphore>) -> (UnixStream, OwnedSemaphorePermit) {
    let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            // out of file descriptors, or a peer that went already: the next one is as welcome
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection(mut stream: UnixStream, house: Arc<House>) {
    let peer = match stream.peer_cred() {
        Ok(peer) if system::may_ask(peer.uid()) => peer.uid(),
        _ => {
            turn_away(&mut stream).await;
            return;
        }
    };
    let left = house.attendance.left();
    let service = TowerToHyperService::new(router(house, Peer { uid: peer }));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection, left);
    // an error here is the client's: it sent garbage, or went
    tokio::select! {
        _ended = connection.as_mut() => {}
        () = &mut left => {
            connection.as_mut().graceful_shutdown();
            let _ended = connection.await;
        }
    }
}

/// Says no without reading a byte.
async fn turn_away(stream: &mut UnixStream) {
    let failure = Failure::new(FailureKind::Refused, "this daemon belongs to another user").hint("paraph daemon start");
    let body = serde_json::to_string(&failure).expect("plain data serialises");
    let response = format!(
        "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _gone = tokio::time::timeout(Duration::from_secs(1), stream.write_all(response.as_bytes())).await;
}
