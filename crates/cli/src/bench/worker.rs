//! One thread's connections: a loop that reads replies and sends the next pipeline.
//!
//! What must hold: a connection has at most one pipeline under way; its requests count as sent when they are built,
//! so that a run of N requests sends exactly N. One clock reading, one receive and one send a pipeline. With a rate, a
//! pipeline counts from when it was due, so that one which had to wait for the answer before it counts as late.

use super::connection;
use super::load::{Phase, Tally, now};
use super::ready::{Events, Ready};
use super::reply::ReplyCounter;
use super::template::{Numbers, Template};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

/// How long a server may leave every connection without an answer.
const SILENCE_SECONDS: u64 = 60;
const RECEIVE_BYTES: usize = 256 * 1024;

struct Client {
    socket: OwnedFd,
    replies: ReplyCounter,
    /// Requests sent and not yet answered.
    waiting: u64,
    sent: Instant,
    /// When the next pipeline is due, with a rate.
    due: Instant,
    /// The end of a pipeline that the socket did not take.
    unsent: Vec<u8>,
}

/// A thread's part of the load.
pub(super) struct Worker {
    ready: Ready,
    clients: Vec<Client>,
    template: Template,
    numbers: Numbers,
    /// Requests that may still be sent in the window; `None` for no bound.
    allowance: Option<u64>,
    /// Requests under way on all connections.
    waiting: u64,
    phase: u8,
    tally: Tally,
    buffer: Vec<u8>,
    /// Between two pipelines of a connection; none: as soon as it is answered.
    interval: Option<Duration>,
    /// Connections that wait until their next pipeline is due; the earliest is on top.
    resting: BinaryHeap<Reverse<(Instant, usize)>>,
}

impl Worker {
    pub(super) fn new(
        template: Template,
        numbers: Numbers,
        requests: Option<u64>,
        interval: Option<Duration>,
    ) -> Result<Worker, String> {
        Ok(Worker {
            ready: Ready::new()?,
            clients: Vec::new(),
            template,
            numbers,
            allowance: requests,
            waiting: 0,
            phase: Phase::WARMUP,
            tally: Tally::new(),
            buffer: vec![0; RECEIVE_BYTES],
            interval,
            resting: BinaryHeap::new(),
        })
    }

    /// Takes a non-blocking connection.
    pub(super) fn add(&mut self, socket: OwnedFd) -> Result<(), String> {
        self.ready.add(self.clients.len(), socket.as_fd())?;
        let replies = ReplyCounter::new();
        let begin = now();
        self.clients.push(Client {
            socket,
            replies,
            waiting: 0,
            sent: begin,
            due: begin,
            unsent: Vec::new(),
        });
        Ok(())
    }

    /// Sends and counts until the run ends.
    ///
    /// # Errors
    ///
    /// A lost connection, a stream that is not RESP, a server that is silent for a minute.
    pub(super) fn run(mut self, phase: &Phase) -> Result<Tally, String> {
        self.phase = phase.now();
        self.begin()?;
        let mut events = Events::new();
        let mut heard = now();
        while self.waiting > 0 || !self.resting.is_empty() {
            let turn = self.until_due();
            self.ready.wait(&mut events, turn, self.clients.iter().map(|client| client.socket.as_fd()))?;
            self.enter(phase.now());
            for (index, writable) in events.iter() {
                heard = self.turn(index, writable)?;
            }
            self.send_due()?;
            if events.is_empty() && heard.elapsed().as_secs() >= SILENCE_SECONDS {
                return Err(format!("the server has not answered for {SILENCE_SECONDS} s"));
            }
        }
        for client in &self.clients {
            if self.tally.first_error.is_empty() {
                self.tally.first_error = client.replies.first_error();
            }
        }
        Ok(self.tally)
    }

    #[inline]
    fn enter(&mut self, phase: u8) {
        if self.phase == Phase::WARMUP && phase == Phase::WINDOW {
            // What warm-up left under way will be answered in the window.
            let waiting = self.waiting;
            self.allowance = self.allowance.map(|requests| requests.saturating_sub(waiting));
        }
        self.phase = phase;
    }

    #[inline]
    fn turn(&mut self, index: usize, writable: bool) -> Result<Instant, String> {
        if writable {
            self.send_unsent(index)?;
        }
        let client = &mut self.clients[index];
        let received = connection::receive(&client.socket, &mut self.buffer)?;
        let at = now();
        let Some(bytes) = received else { return Ok(at) };
        let counted = client.replies.feed(&self.buffer[..bytes])?;
        if counted.replies > client.waiting {
            return Err("the server sent more replies than it was asked for".to_owned());
        }
        client.waiting -= counted.replies;
        self.waiting -= counted.replies;
        if self.phase != Phase::WARMUP && counted.replies > 0 {
            let latency = u64::try_from((at - client.sent).as_nanos()).unwrap_or(u64::MAX);
            self.tally.latencies.saturating_record_n(latency, counted.replies);
        }
        if self.phase == Phase::WINDOW {
            self.tally.replies += counted.replies;
            self.tally.errors += counted.errors;
            self.tally.nulls += counted.nulls;
        }
        if client.waiting == 0 {
            match self.interval {
                None => self.send_next(index, at)?,
                Some(_) => self.resting.push(Reverse((client.due, index))),
            }
        }
        Ok(at)
    }

    /// Sends the first pipelines: at once, or spread over an interval.
    fn begin(&mut self) -> Result<(), String> {
        let (begin, clients) = (now(), self.clients.len());
        for index in 0..clients {
            match self.interval {
                None => self.send_next(index, now())?,
                Some(interval) => {
                    let part = interval.mul_f64(index as f64 / clients as f64);
                    self.resting.push(Reverse((begin + part, index)));
                }
            }
        }
        Ok(())
    }

    /// How long to wait for events: until the next pipeline is due.
    fn until_due(&self) -> Duration {
        const TURN: Duration = Duration::from_millis(100);
        match self.resting.peek() {
            Some(Reverse((due, _))) => due.saturating_duration_since(now()).min(TURN),
            None => TURN,
        }
    }

    /// Sends what is due.
    fn send_due(&mut self) -> Result<(), String> {
        let Some(interval) = self.interval else { return Ok(()) };
        while let Some(&Reverse((due, index))) = self.resting.peek() {
            if self.phase != Phase::END && now() < due {
                break;
            }
            self.resting.pop();
            self.clients[index].due = due + interval;
            self.send_next(index, due)?;
        }
        Ok(())
    }

    /// Sends the next pipeline, or nothing where the run is at its end.
    #[inline]
    fn send_next(&mut self, index: usize, at: Instant) -> Result<(), String> {
        if self.phase == Phase::END {
            return Ok(());
        }
        let mut count = self.template.pipeline() as u64;
        if let (Phase::WINDOW, Some(allowance)) = (self.phase, &mut self.allowance) {
            count = count.min(*allowance);
            *allowance -= count;
        }
        if count == 0 {
            return Ok(());
        }
        let requests = usize::try_from(count).expect("no more than a pipeline");
        let bytes = self.template.next_batch(requests, &mut self.numbers);
        let client = &mut self.clients[index];
        client.waiting = count;
        client.sent = at;
        self.waiting += count;
        let sent = connection::send(&client.socket, bytes)?.unwrap_or(0);
        if sent < bytes.len() {
            client.unsent.extend_from_slice(&bytes[sent..]);
            self.listen(index, true)?;
        }
        Ok(())
    }

    #[cold]
    fn send_unsent(&mut self, index: usize) -> Result<(), String> {
        let client = &mut self.clients[index];
        let sent = connection::send(&client.socket, &client.unsent)?.unwrap_or(0);
        client.unsent.drain(..sent);
        if client.unsent.is_empty() {
            self.listen(index, false)?;
        }
        Ok(())
    }

    #[cold]
    fn listen(&mut self, index: usize, writes: bool) -> Result<(), String> {
        self.ready.listen(index, self.clients[index].socket.as_fd(), writes)
    }
}
