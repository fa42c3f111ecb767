//! Connections for watches that last, a bounded number of watches on each: what shares a connection (HTTP/2) has as many
//! streams as the API server allows, and a request beyond them waits without a word until another one ends.
use std::sync::Arc;

use kube::Client;

/// Watches on one connection. An API server allows 250 streams unless it is told otherwise, and 100 is what RFC 9113 §6.5.2
/// asks everybody to allow; each watch begins with a list beside it.
const SEATS: usize = 64;

/// The connections.
pub struct Pool {
    connect: Box<dyn Fn() -> Client + Send>,
    clients: Vec<(Client, Seat)>,
}

/// A watch's place on its connection: free again when it is dropped.
pub type Seat = Arc<()>;

impl Pool {
    /// `connect` makes a client with a connection of its own, or one that needs none of its own.
    pub fn new(connect: impl Fn() -> Client + Send + 'static) -> Self {
        Self { connect: Box::new(connect), clients: Vec::new() }
    }

    /// A client whose connection has room, and the place on it.
    pub fn seat(&mut self) -> (Client, Seat) {
        let free = self.clients.iter().position(|(_, seats)| Arc::strong_count(seats) <= SEATS);
        let free = free.unwrap_or_else(|| {
            self.clients.push(((self.connect)(), Seat::default()));
            self.clients.len() - 1
        });
        let (client, seats) = &self.clients[free];
        (client.clone(), seats.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_never_asked_for_more_than_it_has_places() {
        let made = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = made.clone();
        let mut pool = Pool::new(move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Client::try_from(kube::Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap()
        });
        let connections = || made.load(std::sync::atomic::Ordering::Relaxed);
        let mut taken: Vec<_> = (0..SEATS).map(|_| pool.seat()).collect();
        assert_eq!(connections(), 1);
        taken.push(pool.seat());
        assert_eq!(connections(), 2);
        taken.drain(..10);
        taken.extend((0..10 + SEATS - 1).map(|_| pool.seat()));
        assert_eq!(connections(), 2, "places that fell free are taken again");
    }
}
