//! System calls that the standard library does not have: datagrams in batches, a thread's core and network, a process's CPU time.
//! The one place of this crate with `unsafe`.
//!
//! Left out on purpose: IPv6; the bench runs on the loopback addresses of one machine.
#![expect(unsafe_code, reason = "batched datagrams, affinity, networks and CPU clocks are system calls")]

use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

/// The most datagrams of one call.
pub(crate) const BATCH: usize = 64;
/// The longest datagram that is received whole.
pub(crate) const DATAGRAM_BYTES: usize = 1_232;

/// Whether a call waits for a first datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waiting {
    /// Takes what is there.
    Never,
    /// Waits until there is one, as long as the socket's own limit.
    ForOne,
}

/// A datagram to send: its bytes, and the address of this machine that it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) source: Ipv4Addr,
}

/// Room for the datagrams of one call.
pub(crate) struct Inbox {
    buffers: Vec<[u8; DATAGRAM_BYTES]>,
    lengths: [usize; BATCH],
    peers: [libc::sockaddr_in; BATCH],
    count: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct SourceControl {
    head: libc::cmsghdr,
    source: libc::in_pktinfo,
}

const NO_ADDRESS: libc::sockaddr_in =
    libc::sockaddr_in { sin_family: 0, sin_port: 0, sin_addr: libc::in_addr { s_addr: 0 }, sin_zero: [0; 8] };
const NO_PART: libc::iovec = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
const NO_MESSAGE: libc::mmsghdr = libc::mmsghdr {
    msg_hdr: libc::msghdr {
        msg_name: ptr::null_mut(),
        msg_namelen: 0,
        msg_iov: ptr::null_mut(),
        msg_iovlen: 0,
        msg_control: ptr::null_mut(),
        msg_controllen: 0,
        msg_flags: 0,
    },
    msg_len: 0,
};
#[expect(clippy::cast_possible_truncation, reason = "16 bytes")]
const ADDRESS_BYTES: libc::socklen_t = mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;

impl Default for Inbox {
    fn default() -> Self {
        let buffers = vec![[0; DATAGRAM_BYTES]; BATCH];
        Self { buffers, lengths: [0; BATCH], peers: [NO_ADDRESS; BATCH], count: 0 }
    }
}

impl Inbox {
    /// Receives what one call brings, at most [`BATCH`]; how many came. Nothing there is no error.
    pub(crate) fn receive(&mut self, socket: &UdpSocket, waiting: Waiting) -> io::Result<usize> {
        let mut parts = [NO_PART; BATCH];
        let mut messages = [NO_MESSAGE; BATCH];
        let rows = messages.iter_mut().zip(&mut parts).zip(&mut self.buffers).zip(&mut self.peers);
        for (((message, part), buffer), peer) in rows {
            *part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_name = ptr::from_mut(peer).cast();
            message.msg_hdr.msg_namelen = ADDRESS_BYTES;
        }
        let flags = match waiting {
            Waiting::Never => libc::MSG_DONTWAIT,
            Waiting::ForOne => libc::MSG_WAITFORONE,
        };
        let count = libc::c_uint::try_from(BATCH).unwrap_or(0);
        // SAFETY: every pointer of `messages` leads to `parts`, `buffers` or `peers`, which live until the call returns,
        // with the lengths given beside them; the vector is as long as the count says.
        let count = unsafe {
            libc::recvmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, flags, ptr::null_mut())
        };
        self.count = counted(count)?;
        for (length, message) in self.lengths.iter_mut().zip(&messages).take(self.count) {
            *length = usize::try_from(message.msg_len).unwrap_or(0).min(DATAGRAM_BYTES);
        }
        Ok(self.count)
    }

    /// What came, in order.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let buffers = self.buffers.iter().zip(&self.lengths).take(self.count);
        buffers.filter_map(|(buffer, length)| buffer.get(..*length))
    }

    /// What came, in order, to be changed in place and sent back.
    pub(crate) fn datagrams_mut(&mut self) -> impl Iterator<Item = (&mut [u8; DATAGRAM_BYTES], &mut usize)> {
        self.buffers.iter_mut().zip(&mut self.lengths).take(self.count)
    }

    /// Sends everything back to where it came from, as it stands now.
    pub(crate) fn send_back(&mut self, socket: &UdpSocket) -> io::Result<()> {
        let mut parts = [NO_PART; BATCH];
        let mut messages = [NO_MESSAGE; BATCH];
        let headers = messages.iter_mut().zip(&mut parts);
        let contents = self.buffers.iter_mut().zip(&self.lengths).zip(&mut self.peers).take(self.count);
        for ((message, part), ((buffer, length), peer)) in headers.zip(contents) {
            *part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: *length };
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_name = ptr::from_mut(peer).cast();
            message.msg_hdr.msg_namelen = ADDRESS_BYTES;
        }
        send_all(socket, messages.get_mut(..self.count).unwrap_or_default())
    }
}

/// Sends datagrams, at most [`BATCH`]; how many the system took.
pub(crate) fn send(socket: &UdpSocket, to: SocketAddrV4, datagrams: &[Outgoing<'_>]) -> io::Result<usize> {
    let mut address = NO_ADDRESS;
    address.sin_family = libc::sa_family_t::try_from(libc::AF_INET).unwrap_or(0);
    address.sin_port = to.port().to_be();
    address.sin_addr.s_addr = u32::from(*to.ip()).to_be();
    let mut parts = [NO_PART; BATCH];
    let mut messages = [NO_MESSAGE; BATCH];
    let mut controls = [source_control(Ipv4Addr::LOCALHOST); BATCH];
    let rows = messages.iter_mut().zip(&mut parts).zip(&mut controls).zip(datagrams);
    let mut count = 0;
    for (((message, part), control), datagram) in rows {
        *part = libc::iovec {
            iov_base: datagram.bytes.as_ptr().cast_mut().cast(),
            iov_len: datagram.bytes.len(),
        };
        control.source.ipi_spec_dst.s_addr = u32::from(datagram.source).to_be();
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
        message.msg_hdr.msg_name = ptr::from_mut(&mut address).cast();
        message.msg_hdr.msg_namelen = ADDRESS_BYTES;
        message.msg_hdr.msg_control = ptr::from_mut(control).cast();
        message.msg_hdr.msg_controllen = mem::size_of::<SourceControl>();
        count += 1;
    }
    // SAFETY: as in `receive`; the bytes to send are only read.
    let sent =
        unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, libc::MSG_DONTWAIT) };
    counted(sent)
}

/// Waits until there is something to receive, at most `most`.
pub(crate) fn wait_readable(socket: &UdpSocket, most: Duration) {
    let mut asked = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let most = libc::timespec {
        tv_sec: most.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: most.subsec_nanos().into(),
    };
    // SAFETY: one `pollfd` and one `timespec`, both alive until the call returns; no signal mask.
    unsafe { libc::ppoll(&raw mut asked, 1, &raw const most, ptr::null()) };
}

/// Keeps the calling thread, and the threads and programs it starts from now on, on these cores.
pub(crate) fn stay_on(cores: &[usize]) -> io::Result<()> {
    // SAFETY: a set of cores is plain bits, for which zero is a value.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    for core in cores {
        // SAFETY: the macro's function checks the index against the set's size.
        unsafe { libc::CPU_SET(*core, &mut set) };
    }
    // SAFETY: the set lives until the call returns and has the size that is given.
    let outcome = unsafe { libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), &raw const set) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Puts the calling thread, and the threads and programs it starts from now on, in a network of their own, in which
/// nothing is set up.
pub(crate) fn leave_network() -> io::Result<()> {
    // SAFETY: takes and gives no memory.
    let outcome = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The CPU time of this process so far, all threads.
pub(crate) fn process_cpu() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// The CPU time of the calling thread so far.
pub(crate) fn thread_cpu() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn clock(which: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every Linux, and the time lives until the call returns.
    unsafe { libc::clock_gettime(which, &raw mut time) };
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

fn source_control(source: Ipv4Addr) -> SourceControl {
    // SAFETY: asks for a length only.
    let length = unsafe { libc::CMSG_LEN(12) };
    SourceControl {
        head: libc::cmsghdr {
            cmsg_len: usize::try_from(length).unwrap_or(0),
            cmsg_level: libc::IPPROTO_IP,
            cmsg_type: libc::IP_PKTINFO,
        },
        source: libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: libc::in_addr { s_addr: u32::from(source).to_be() },
            ipi_addr: libc::in_addr { s_addr: 0 },
        },
    }
}

fn send_all(socket: &UdpSocket, mut messages: &mut [libc::mmsghdr]) -> io::Result<()> {
    while !messages.is_empty() {
        let count = libc::c_uint::try_from(messages.len()).unwrap_or(0);
        // SAFETY: the caller's messages lead to buffers that it holds until this returns.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
        let sent = counted(sent)?.max(1);
        messages = messages.get_mut(sent..).unwrap_or_default();
    }
    Ok(())
}

/// The count a call returned; nothing there, or no room, is a count of none.
fn counted(outcome: libc::c_int) -> io::Result<usize> {
    usize::try_from(outcome).or_else(|_| {
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
            _ => Err(error),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_goes_there_and_back_with_the_sources_it_was_given() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("0.0.0.0:0").unwrap();
        let std::net::SocketAddr::V4(to) = server.local_addr().unwrap() else { panic!("IPv4") };
        let sources = [Ipv4Addr::new(127, 1, 3, 4), Ipv4Addr::new(127, 1, 3, 5)];
        let batch = sources.map(|source| Outgoing { bytes: b"question", source });
        assert_eq!(send(&client, to, &batch).unwrap(), 2);
        let mut inbox = Inbox::default();
        assert_eq!(inbox.receive(&server, Waiting::ForOne).unwrap(), 2);
        let seen = inbox.peers.map(|peer| Ipv4Addr::from(u32::from_be(peer.sin_addr.s_addr)));
        assert_eq!(seen[..2], sources);
        inbox.send_back(&server).unwrap();
        let mut back = Inbox::default();
        wait_readable(&client, Duration::from_secs(5));
        assert_eq!(back.receive(&client, Waiting::Never).unwrap(), 2);
        assert!(back.datagrams().all(|bytes| bytes == b"question"));
        assert_eq!(back.receive(&client, Waiting::Never).unwrap(), 0);
    }

    #[test]
    fn cpu_time_grows_with_work() {
        let before = (process_cpu(), thread_cpu());
        let mut sum = 0u64;
        while thread_cpu() == before.1 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(process_cpu() > before.0);
    }
}
