// Keeps the time of the operations on one connection, from what the parser and the taker tell and
// from its packets. docs/tag-logs.md has the rules; wireshark_plugin/src/times.lua does the same.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <zeek/Conn.h>
#include <zeek/Val.h>
#include <zeek/analyzer/Analyzer.h>

namespace pacsflow {

// What a command set says (PS3.7, annex E), as far as times go.
struct Said {
    uint16_t field = 0;             // Command Field
    std::optional<uint16_t> id;     // Message ID, or that it responds to
    std::optional<uint16_t> status; // of a response
    bool brings_data = false;       // a data set follows
};

// What is told of the operations of one kind that one side requested, times in microseconds.
struct Operations {
    uint64_t count = 0, failed = 0;
    uint64_t data_sets = 0, data_pdvs = 0, data_bytes = 0;
    int64_t data = 0, silent = 0, ack_wait = 0, pause = 0;
    uint64_t responses = 0;
    int64_t sum = 0, shortest = 0, longest = 0;
    std::vector<uint64_t> histogram;
    uint64_t first_responses = 0;
    int64_t first_sum = 0, first_longest = 0;
    uint32_t open = 0, outstanding = 0;
};

// A request that is under way, or several with one Message ID.
struct Request {
    int kind = 0;
    uint32_t number = 1;
    uint64_t era = 0;
    double asked = 0; // when it was complete; 0: it is not
    bool again = false, answered = false;
};

// A data set that is on its way.
struct DataSet {
    Operations* of = nullptr;
    std::shared_ptr<Request> request; // that it belongs to; null: to a response, or one not timed
    double began = 0;
    uint64_t era = 0, pdvs = 0, bytes = 0;
    int64_t silent = 0, ack_wait = 0;
};

// What one side sent of an encrypted connection.
struct Sealed {
    uint64_t top = 0; // the end of what was seen, as offset into the stream
    uint64_t bytes = 0, runs = 0;
    int64_t data = 0, silent = 0;
};

// An encrypted connection, of which its packets alone tell.
class Envelope {
public:
    Envelope(double t, uint64_t its_era) : began(t), at(t), era(its_era) {}
    void Came(bool is_orig, uint64_t seq, int len, double now);

    double began, at;
    uint64_t era;
    Sealed orig, resp;
    std::optional<bool> last; // who sent what came last
    bool in_run = false;
    std::optional<int64_t> setup;
};

constexpr int KINDS = 6;

// One direction of the connection, and what its sender requested.
struct Way {
    std::optional<DataSet> message;
    bool ending = false;    // the fragment in hand ends the data set
    bool waiting = false;   // bytes stand behind others that have not come
    uint64_t top = 0;       // the end of what was seen, as offset into the stream
    double seen = 0;        // when bytes came last
    double acknowledged = 0; // when a segment without bytes came last
    double closed_at = 0;   // when the window was closed; 0: it is open
    int64_t closed = 0;     // microseconds that it was
    uint64_t resent = 0;

    std::array<std::unique_ptr<Operations>, KINDS> rows;
    std::map<uint16_t, std::shared_ptr<Request>> pending;
    uint64_t open = 0;
    uint64_t untracked = 0; // under way, and not in `pending`
    double idle = 0;        // since when none is under way; 0: none ever was
    uint64_t idle_era = 0;
};

class Stopwatch {
public:
    explicit Stopwatch(zeek::Connection* c) : conn(c) {}

    void Negotiated(bool is_orig, bool is_request);
    void Command(bool is_orig, const Said& said);
    void Fragment(bool is_orig, uint64_t size, bool is_last);
    void FragmentEnded(bool is_orig);
    void Forget(bool is_orig);
    void Gap();
    void Came(bool is_orig);
    void Renew();
    void Tell();
    void Sealed(bool is_orig, const u_char* data, uint64_t seq, int len, bool is_first);
    void Done();
    bool Plain(bool is_orig, uint64_t seq, int len, uint32_t window, int flags, double t);
    void Packet(bool is_orig, uint64_t seq, int len, uint32_t window, bool is_syn, bool is_over, bool waiting);

private:
    Way& Of(bool is_orig) { return is_orig ? orig : resp; }
    double Now();
    std::optional<int64_t> Since(double moment, uint64_t its_era);
    void Requested(Way& from, int kind, const Said& said);
    void Responded(Way& to, Way& from, int kind, const Said& said);
    void First(Operations& row, int64_t us);
    void Measure(Operations& row, int64_t us);
    void Over(Way& way, Operations& row);
    void Window(Way& way, uint32_t window, bool is_over);
    void Opened(Way& way);
    void Complete(DataSet& m);
    void TellLater();
    double RoundTrip();
    zeek::ValPtr Row(const Operations& row, int kind, bool is_orig);
    zeek::RecordValPtr RowOf(const char* operation, bool is_orig);
    zeek::RecordValPtr SealedRow(bool is_orig);

    zeek::Connection* conn;
    Way orig, resp;
    double now = 0;
    double requested = 0; // when the association was; 0: unknown
    uint64_t requested_era = 0;
    std::optional<int64_t> setup;
    bool over = false;    // a FIN or RST was seen
    double told = 0;      // when scripts heard of it last
    std::unique_ptr<Envelope> envelope;
};

// Gives a stopwatch the packets of its connection.
std::shared_ptr<Stopwatch> watch_packets(zeek::analyzer::Analyzer* analyzer);

// Nobody gives it any more. The analyzer may be gone.
void unwatched(const zeek::analyzer::Analyzer* analyzer, const Stopwatch* stopwatch);

} // namespace pacsflow
