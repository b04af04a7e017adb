// See times.h.

#include "times.h"

#include <algorithm>
#include <cmath>

#include <netinet/tcp.h>

#include <zeek/Event.h>
#include <zeek/EventRegistry.h>
#include <zeek/ID.h>
#include <zeek/IP.h>
#include <zeek/RunState.h>
#include <zeek/analyzer/protocol/tcp/TCP.h>
#include <zeek/analyzer/protocol/tcp/TCP_Reassembler.h>

namespace pacsflow {

constexpr double SILENCE = 0.02;     // a sender that says nothing for so long, in seconds, is silent
constexpr double SLACK = 0.005;      // what it waited for has come so shortly before
constexpr double LONGEST = 86400;    // no operation takes longer
constexpr double DISORDER = 1;       // a clock that stepped back by more was set
constexpr double TELL_INTERVAL = 60; // seconds until scripts hear of responses, but at the end
constexpr size_t MAX_OPEN = 1024;    // requests of one side that are timed at once
constexpr size_t BUCKETS = 32;       // of a histogram, the first of them a millisecond
constexpr uint16_t RESPONSE = 0x8000;
constexpr uint16_t CANCEL = 0x0fff;

constexpr std::array<const char*, KINDS> names{"echo", "store", "find", "get", "move", "n"};
enum Kind { ECHO, STORE, FIND, GET, MOVE, N };

static const auto sealed_event = zeek::event_registry->Register("DICOM::sealed");
static const auto timed_event = zeek::event_registry->Register("DICOM::timed");

static const zeek::RecordTypePtr& times_type() {
    static auto type = zeek::id::find_type<zeek::RecordType>("DICOM::Times");
    return type;
}

static zeek::VectorValPtr no_rows() {
    static auto type = zeek::make_intrusive<zeek::VectorType>(times_type());
    return zeek::make_intrusive<zeek::VectorVal>(type);
}

// PS3.7, table E.1-1.
static int kind_of(uint16_t field) {
    switch ( field & ~RESPONSE ) {
        case 0x0001: return STORE;
        case 0x0010: return GET;
        case 0x0020: return FIND;
        case 0x0021: return MOVE;
        case 0x0030: return ECHO;
        default: return N;
    }
}

// Classes of PS3.7, annex C.
static bool is_pending(uint16_t status) { return status == 0xff00 || status == 0xff01; }
static bool is_cancel(uint16_t status) { return status == 0xfe00; }

static bool is_failure(uint16_t status) {
    auto is_warning = status == 0x0001 || status == 0x0107 || status == 0x0116 || status >> 12 == 0xb;
    return status != 0 && ! is_pending(status) && ! is_cancel(status) && ! is_warning;
}

// Microseconds between two moments; none where no time passes so.
static std::optional<int64_t> between(double from, double to) {
    auto seconds = to - from;

    if ( ! (seconds >= 0 && seconds <= LONGEST) )
        return {};

    return static_cast<int64_t>(std::floor(seconds * 1e6 + 0.5));
}

static Operations& row_of(Way& way, int kind) {
    if ( ! way.rows[kind] )
        way.rows[kind] = std::make_unique<Operations>();

    return *way.rows[kind];
}

// How often the clock was set, as far as connections of DICOM show.
static uint64_t era = 0;

// The time of the last packet of any of them.
static double latest = 0;

// The time of the packet in hand, which Zeek's own does not follow backwards.
double Stopwatch::Now() {
    auto packet = zeek::run_state::processing_start_time;
    now = packet != 0 ? packet : zeek::run_state::network_time;

    if ( latest != 0 && (now - latest > LONGEST || now - latest < -DISORDER) )
        era++;

    return latest = now;
}

std::optional<int64_t> Stopwatch::Since(double moment, uint64_t its_era) {
    return moment != 0 && its_era == era ? between(moment, now) : std::nullopt;
}

// A whole A-ASSOCIATE-RQ, or A-ASSOCIATE-AC.
void Stopwatch::Negotiated(bool is_orig, bool is_request) {
    Now();

    if ( is_request ) {
        if ( requested == 0 && ! setup ) {
            requested = now;
            requested_era = era;
        }
    }
    else if ( ! setup && ! Of(is_orig).waiting )
        setup = Since(requested, requested_era);
}

// A whole command set that is sound.
void Stopwatch::Command(bool is_orig, const Said& said) {
    Now();
    auto& from = Of(is_orig);
    auto& to = Of(! is_orig);
    from.message.reset();
    from.ending = false;

    if ( (said.field & ~RESPONSE) == CANCEL )
        return;

    if ( said.field & RESPONSE )
        Responded(to, from, kind_of(said.field), said);
    else
        Requested(from, kind_of(said.field), said);
}

void Stopwatch::Requested(Way& from, int kind, const Said& said) {
    auto& row = row_of(from, kind);
    row.count++;

    if ( from.open == 0 )
        row.pause += Since(from.idle, from.idle_era).value_or(0);

    from.open++;
    row.outstanding = std::max(row.outstanding, ++row.open);
    std::shared_ptr<Request> request;
    auto before = said.id ? from.pending.find(*said.id) : from.pending.end();

    if ( before != from.pending.end() ) {
        before->second->again = true;
        before->second->number++;
    }
    else if ( said.id && from.pending.size() < MAX_OPEN ) {
        request = std::make_shared<Request>();
        request->kind = kind;
        request->era = era;
        request->asked = said.brings_data ? 0 : now;
        from.pending.emplace(*said.id, request);
    }
    else
        from.untracked++;

    if ( said.brings_data )
        from.message = DataSet{&row, std::move(request), now, era};
}

// A response to what `to` requested.
void Stopwatch::Responded(Way& to, Way& from, int kind, const Said& said) {
    if ( ! to.rows[kind] )
        return;

    auto& row = *to.rows[kind];

    if ( said.brings_data )
        from.message = DataSet{&row, nullptr, now, era};

    if ( ! said.status )
        return;

    auto found = said.id ? to.pending.find(*said.id) : to.pending.end();
    auto request = found != to.pending.end() && found->second->kind == kind ? found->second : nullptr;
    std::optional<int64_t> us;

    if ( request && ! request->again && ! from.waiting )
        us = Since(request->asked, request->era);

    if ( request && ! request->answered && (kind == FIND || kind == GET || kind == MOVE) ) {
        request->answered = true;

        if ( us )
            First(row, *us);
    }

    if ( is_pending(*said.status) )
        return;

    if ( is_failure(*said.status) )
        row.failed++;

    if ( request ) {
        if ( --request->number == 0 )
            to.pending.erase(found);

        if ( us && ! is_cancel(*said.status) )
            Measure(row, *us);

        Over(to, row);
    }
    else if ( to.untracked > 0 ) {
        to.untracked--;
        Over(to, row);
    }
}

void Stopwatch::First(Operations& row, int64_t us) {
    row.first_responses++;
    row.first_sum += us;
    row.first_longest = std::max(row.first_longest, us);
}

void Stopwatch::Measure(Operations& row, int64_t us) {
    size_t bucket = 0;

    for ( int64_t limit = 1000; us >= limit && bucket < BUCKETS - 1; limit *= 2 )
        bucket++;

    if ( row.histogram.size() <= bucket )
        row.histogram.resize(bucket + 1);

    row.histogram[bucket]++;
    row.shortest = row.responses > 0 ? std::min(row.shortest, us) : us;
    row.longest = std::max(row.longest, us);
    row.responses++;
    row.sum += us;
    TellLater();
}

// An operation that `way` requested is over.
void Stopwatch::Over(Way& way, Operations& row) {
    way.open -= way.open > 0 ? 1 : 0;
    row.open -= row.open > 0 ? 1 : 0;

    if ( way.open == 0 ) {
        way.idle = now;
        way.idle_era = era;
    }
}

// A fragment of a data set begins.
void Stopwatch::Fragment(bool is_orig, uint64_t size, bool is_last) {
    auto& way = Of(is_orig);

    if ( ! way.message )
        return;

    way.message->pdvs++;
    way.message->bytes += size;
    way.ending = is_last;
}

// The fragment of a data set has ended.
void Stopwatch::FragmentEnded(bool is_orig) {
    auto& way = Of(is_orig);

    if ( way.message && way.ending ) {
        Complete(*way.message);
        way.message.reset();
        way.ending = false;
    }
}

void Stopwatch::Complete(DataSet& m) {
    Now();

    if ( m.request )
        m.request->asked = now;

    if ( auto us = Since(m.began, m.era) ) {
        m.of->data_sets++;
        m.of->data_pdvs += m.pdvs;
        m.of->data_bytes += m.bytes;
        m.of->data += *us;
        m.of->silent += m.silent;
        m.of->ack_wait += m.ack_wait;
    }
}

// What is on its way in this direction cannot be told from what follows it.
void Stopwatch::Forget(bool is_orig) {
    Of(is_orig).message.reset();
    Of(is_orig).ending = false;
}

// Bytes are missing: nothing that is under way has a time.
void Stopwatch::Gap() {
    for ( auto* way : {&orig, &resp} ) {
        way->message.reset();
        way->ending = false;
        way->pending.clear();
        way->open = way->untracked = 0;
        way->idle = 0;

        for ( auto& row : way->rows )
            if ( row )
                row->open = 0;
    }

    requested = 0;
}

// The next bytes come, in their order. Of a silence that they end, some tells what the sender waited for.
void Stopwatch::Came(bool is_orig) {
    auto& way = Of(is_orig);

    if ( ! way.message || way.waiting || way.seen == 0 || Now() - way.seen < SILENCE )
        return;

    auto& m = *way.message;
    auto us = between(std::max(way.seen, m.began), now);

    if ( ! us || *us < SILENCE * 1e6 )
        return;

    m.silent += *us;
    auto acknowledged = Of(! is_orig).acknowledged;

    if ( acknowledged >= way.seen && now - acknowledged <= SLACK + 1.5 * RoundTrip() )
        m.ack_wait += *us;
}

// The round trip of the handshake in seconds, 0 where it is unknown: scripts have it.
double Stopwatch::RoundTrip() {
    static const auto offset = zeek::id::find_type<zeek::RecordType>("connection")->FieldOffset("dicom_round_trip");
    const auto& c = conn->GetVal();
    return offset >= 0 && c->HasField(offset) ? c->GetFieldAs<zeek::IntervalVal>(offset) : 0;
}

// Most packets bring the next bytes of their side or acknowledge others, with a window that is open as
// it was: true where this is one of them, which is then done with.
bool Stopwatch::Plain(bool is_orig, uint64_t seq, int len, uint32_t window, int flags, double t) {
    auto& way = Of(is_orig);

    if ( envelope || window == 0 || way.closed_at != 0 || flags & (TH_SYN | TH_FIN | TH_RST) || orig.waiting ||
         resp.waiting || ! (t >= latest && t - latest < LONGEST) )
        return false;

    if ( len == 0 )
        way.acknowledged = t;
    else if ( seq == way.top ) {
        way.top += len;
        way.seen = t;
    }
    else
        return false;

    latest = now = t;
    return true;
}

// A packet, after what it brings has been dealt with. `seq`: of its first byte, as offset into the stream.
void Stopwatch::Packet(bool is_orig, uint64_t seq, int len, uint32_t window, bool is_syn, bool is_over,
                       bool waiting) {
    Now();
    auto& way = Of(is_orig);

    if ( len == 0 )
        way.acknowledged = now;
    else {
        auto is_keep_alive = len == 1 && seq + 1 == way.top;
        way.resent += seq < way.top && ! is_keep_alive ? 1 : 0;
        way.top = std::max(way.top, seq + len);
        way.seen = now;
    }

    way.waiting = waiting;

    if ( ! over && ! is_syn )
        Window(way, window, is_over);
}

void Stopwatch::Window(Way& way, uint32_t window, bool is_over) {
    if ( is_over ) {
        Opened(orig);
        Opened(resp);
        over = true;
    }
    else if ( window > 0 )
        Opened(way);
    else if ( way.closed_at == 0 )
        way.closed_at = now;
}

void Stopwatch::Opened(Way& way) {
    if ( way.closed_at != 0 )
        way.closed += between(way.closed_at, now).value_or(0);

    way.closed_at = 0;
}

// Another association begins on the connection.
void Stopwatch::Renew() {
    Now();

    for ( auto* way : {&orig, &resp} )
        if ( way->closed_at != 0 ) {
            Opened(*way);
            way->closed_at = now;
        }

    Tell();

    for ( auto* way : {&orig, &resp} ) {
        Way next;
        next.waiting = way->waiting;
        next.top = way->top;
        next.seen = way->seen;
        next.acknowledged = way->acknowledged;
        next.closed_at = way->closed_at;
        *way = std::move(next);
    }

    requested = 0;
    setup.reset();
}

void Stopwatch::TellLater() {
    if ( told == 0 )
        told = now;
    else if ( std::abs(now - told) >= TELL_INTERVAL )
        Tell();
}

// Tells scripts of all that there was, by operation and requestor.
void Stopwatch::Tell() {
    if ( ! timed_event )
        return;

    auto rows = no_rows();

    for ( int kind = 0; kind < KINDS; kind++ )
        for ( auto is_orig : {true, false} )
            if ( const auto& row = Of(is_orig).rows[kind] )
                rows->Assign(rows->Size(), Row(*row, kind, is_orig));

    if ( rows->Size() > 0 )
        conn->EnqueueEvent(timed_event, nullptr, conn->GetVal(), std::move(rows));

    told = now;
}

static void count(const zeek::RecordValPtr& r, const char* name, uint64_t n) {
    r->AssignField(name, zeek::val_mgr->Count(n));
}

static void interval(const zeek::RecordValPtr& r, const char* name, double us) {
    r->AssignField(name, zeek::make_intrusive<zeek::IntervalVal>(us / 1e6));
}

// A row with what holds for the connection as a whole.
zeek::RecordValPtr Stopwatch::RowOf(const char* operation, bool is_orig) {
    auto r = zeek::make_intrusive<zeek::RecordVal>(times_type());
    r->AssignField("operation", zeek::make_intrusive<zeek::StringVal>(operation));
    r->AssignField("requestor", zeek::make_intrusive<zeek::StringVal>(is_orig ? "orig" : "resp"));
    interval(r, "orig_closed_time", orig.closed);
    interval(r, "resp_closed_time", resp.closed);
    count(r, "orig_resent", orig.resent);
    count(r, "resp_resent", resp.resent);
    return r;
}

zeek::ValPtr Stopwatch::Row(const Operations& row, int kind, bool is_orig) {
    static auto counts = zeek::make_intrusive<zeek::VectorType>(zeek::base_type(zeek::TYPE_COUNT));
    auto r = RowOf(names[kind], is_orig);
    count(r, "requests", row.count);
    count(r, "failed", row.failed);
    count(r, "data_sets", row.data_sets);
    count(r, "data_pdvs", row.data_pdvs);
    count(r, "data_bytes", row.data_bytes);

    if ( row.data_sets > 0 ) {
        interval(r, "data_time", row.data);
        interval(r, "silent_time", row.silent);
        interval(r, "ack_wait_time", row.ack_wait);
    }

    interval(r, "pause_time", row.pause);

    if ( row.responses > 0 ) {
        auto histogram = zeek::make_intrusive<zeek::VectorVal>(counts);

        for ( auto n : row.histogram )
            histogram->Assign(histogram->Size(), zeek::val_mgr->Count(n));

        interval(r, "response_min", row.shortest);
        interval(r, "response_mean", double(row.sum) / row.responses);
        interval(r, "response_max", row.longest);
        r->AssignField("response_times", std::move(histogram));
    }

    if ( row.first_responses > 0 ) {
        count(r, "first_responses", row.first_responses);
        interval(r, "first_response_mean", double(row.first_sum) / row.first_responses);
        interval(r, "first_response_max", row.first_longest);
    }

    count(r, "outstanding", row.outstanding);

    if ( setup )
        interval(r, "setup_time", *setup);

    return r;
}

// Bytes of an encrypted connection. Those that follow others of their side, with none of the other
// side between, are a run.
void Envelope::Came(bool is_orig, uint64_t seq, int len, double now) {
    auto& mine = is_orig ? orig : resp;
    auto from = std::max(seq, mine.top);

    if ( seq + len <= from )
        return;

    auto fresh = seq + len - from;
    mine.top = seq + len;

    if ( last == is_orig ) {
        auto us = between(at, now).value_or(0);
        mine.bytes += fresh;
        mine.data += us;
        mine.silent += us >= SILENCE * 1e6 ? us : 0;
        mine.runs += in_run ? 0 : 1;
        in_run = true;
    }
    else {
        if ( is_orig && resp.top > 0 && ! setup )
            setup = between(began, now);

        last = is_orig;
        in_run = false;
    }

    at = now;
}

// True for a ClientHello (RFC 8446, 4 and 5.1).
static bool is_client_hello(const u_char* data, int len) {
    return len > 5 && data[0] == 0x16 && data[1] == 0x03 && data[5] == 0x01;
}

// A segment with data of a connection that no association is known of.
void Stopwatch::Sealed(bool is_orig, const u_char* data, uint64_t seq, int len, bool is_first) {
    if ( is_first && is_orig && is_client_hello(data, len) )
        envelope = std::make_unique<Envelope>(now, era);

    if ( envelope )
        envelope->Came(is_orig, seq, len, now);
}

zeek::RecordValPtr Stopwatch::SealedRow(bool is_orig) {
    const auto& mine = is_orig ? envelope->orig : envelope->resp;
    auto r = RowOf("tls", is_orig);
    r->AssignField("ts", zeek::make_intrusive<zeek::TimeVal>(envelope->began));
    count(r, "requests", 1);
    count(r, "failed", 0);
    count(r, "data_sets", mine.runs);
    count(r, "data_bytes", mine.bytes);

    if ( mine.runs > 0 ) {
        interval(r, "data_time", mine.data);
        interval(r, "silent_time", mine.silent);
    }

    if ( envelope->setup )
        interval(r, "setup_time", *envelope->setup);

    return r;
}

// The connection is over.
void Stopwatch::Done() {
    if ( ! envelope || ! sealed_event || envelope->era != era )
        return;

    auto rows = no_rows();

    for ( auto is_orig : {true, false} )
        if ( is_orig || envelope->resp.runs > 0 )
            rows->Assign(rows->Size(), SealedRow(is_orig));

    conn->EnqueueEvent(sealed_event, nullptr, conn->GetVal(), std::move(rows));
    envelope.reset();
}

// Sees every packet of a connection, after what it brings has gone to the parsers.
class Watcher : public zeek::analyzer::Analyzer {
public:
    // The name must be one that Zeek knows.
    Watcher(const Analyzer* a, zeek::Connection* conn, std::shared_ptr<Stopwatch> w)
        : Analyzer("CONTENTS", conn), analyzer(a), stopwatch(std::move(w)) {}
    ~Watcher() override { unwatched(analyzer, stopwatch.get()); }

    void DeliverPacket(int len, const u_char* data, bool is_orig, uint64_t seq, const zeek::IP_Hdr* ip,
                       int caplen) override;
    void Done() override;

private:
    bool is_first = true;     // no byte was seen
    const Analyzer* analyzer; // for whom; it may be gone
    std::shared_ptr<Stopwatch> stopwatch;
};

void Watcher::DeliverPacket(int len, const u_char* data, bool is_orig, uint64_t seq, const zeek::IP_Hdr* ip,
                            int caplen) {
    if ( ! ip )
        return;

    const auto* tcp = reinterpret_cast<const struct tcphdr*>(ip->Payload());

    if ( stopwatch->Plain(is_orig, seq, len, tcp->th_win, tcp->th_flags, zeek::run_state::processing_start_time) )
        return;

    auto* adapter = static_cast<zeek::packet_analysis::TCP::TCPSessionAdapter*>(Conn()->GetSessionAdapter());
    const auto* bytes = (is_orig ? adapter->Orig() : adapter->Resp())->contents_processor;
    auto waiting = bytes && static_cast<int64_t>(bytes->NumUndeliveredBytes()) > 0;
    auto flags = tcp->th_flags;

    stopwatch->Packet(is_orig, seq, len, tcp->th_win, flags & TH_SYN, flags & (TH_FIN | TH_RST), waiting);

    if ( len > 0 ) {
        stopwatch->Sealed(is_orig, data, seq, len, is_first);
        is_first = false;
    }
}

void Watcher::Done() {
    stopwatch->Done();
    Analyzer::Done();
}

std::shared_ptr<Stopwatch> watch_packets(zeek::analyzer::Analyzer* analyzer) {
    auto* conn = analyzer->Conn();
    auto stopwatch = std::make_shared<Stopwatch>(conn);
    auto* adapter = static_cast<zeek::packet_analysis::TCP::TCPSessionAdapter*>(conn->GetSessionAdapter());
    adapter->AddChildPacketAnalyzer(new Watcher(analyzer, conn, stopwatch));
    return stopwatch;
}

} // namespace pacsflow
