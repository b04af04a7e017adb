// Takes out of a stream, before a parser sees it, what the parser would have nothing to say of.
//
// To hand a segment to a Spicy parser costs several times what all else costs that Zeek does with
// it. So a taker stands in front of each direction's parser. The parser tells it where a PDU ends;
// from there on the taker knows where PDUs begin. A PDU that is one fragment of a data set it counts
// and drops, and so it does with one that is a whole C-STORE command which says the same as the one
// before it. Another one that is one fragment of a command set it passes on, by itself. At anything
// else it passes on all there is, until the parser tells it of an end again. It keeps a partial
// header and the last C-STORE command; a tenth of a second later it tells what it counted.

#include "times.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>

#include <hilti/rt/libhilti.h>

#include <zeek/Conn.h>
#include <zeek/Event.h>
#include <zeek/EventRegistry.h>
#include <zeek/ID.h>
#include <zeek/RunState.h>
#include <zeek/Timer.h>
#include <zeek/Val.h>
#include <zeek/analyzer/protocol/tcp/TCP.h>
#include <zeek/spicy/cookie.h>

namespace pacsflow {

using Count = hilti::rt::integer::safe<uint64_t>;

constexpr int HEADER = 12;                    // bytes of a P-DATA-TF with one PDV before its fragment
constexpr uint32_t PREAMBLE = 128;            // bytes before "DICM" in a file (PS3.10, section 7.1)
constexpr char PREFIX[] = {'D', 'I', 'C', 'M'};
constexpr double REPORT_INTERVAL = 0.1;       // seconds until scripts hear of what was counted
constexpr uint32_t MAX_COMMAND = 512;         // bytes of a C-STORE command that is kept
constexpr size_t MIN_STACK = 1024;            // bytes that Spicy keeps of a parser that waits, at least

class Taker : public zeek::analyzer::tcp::TCP_SupportAnalyzer {
public:
    // The name must be one that Zeek knows; this is what it calls such analyzers.
    Taker(zeek::Connection* conn, bool is_orig, std::shared_ptr<Stopwatch> s)
        : TCP_SupportAnalyzer("CONTENTS", conn, is_orig), stopwatch(std::move(s)) {}
    ~Taker() override;

    void DeliverStream(int len, const u_char* data, bool is_orig) override;
    void Undelivered(uint64_t seq, int len, bool is_orig) override;
    void EndpointEOF(bool is_orig) override;
    void Done() override;

    void Take(uint64_t size, bool first_next);
    void Saw(uint64_t all_pdus, uint64_t all_bytes, uint64_t what, bool is_end);
    bool IsFirst(bool otherwise);
    void Renew();
    void Expire(double t);
    void Await(uint64_t size, uint64_t available);

private:
    void Forward(int len, const u_char* data, bool is_orig);
    bool IsInside() const;
    int Drop(const u_char* data, int len);
    int Pass(const u_char* data, int len, bool is_orig);
    int Begin(const u_char* data, int len, bool is_orig);
    int Frame(const u_char* h, const u_char* data, int len, bool is_orig);
    bool Repeats(const u_char* command, uint32_t size, uint8_t context_id);
    void Stop(bool is_orig);
    void Ended();
    void FragmentEnded();
    void TellLater();
    void Tell();

    std::shared_ptr<Stopwatch> stopwatch;
    uint64_t missing = 0;       // bytes of the fragment in hand that have yet to come
    uint64_t pdus = 0;          // P-DATA-TF PDUs that the parser did not see
    uint64_t bytes = 0;         // of data sets in them
    double ended = 0;           // when the last PDU ended
    bool part10 = false;        // a data set among them begins as a file does
    uint64_t awaited = 0;       // bytes of the fragment in hand that the parser has yet to see
    bool cut_off = false;       // the direction ended within a fragment
    bool unfinished = false;    // ... or elsewhere within a PDU
    bool framed = false;        // the next PDU begins behind what is missing and what is passed on
    uint64_t passing = 0;       // bytes of the PDU in hand that have yet to be passed on
    u_char header[HEADER] = {}; // of a PDU, if it came in parts
    int gathered = 0;           // bytes of it that came
    bool is_file = false;       // the fragment in hand may begin as a file does, by what came of it
    uint64_t offset = 0;        // bytes of it that came
    bool is_first = false;      // the next fragment of a data set is its first
    bool knows_first = false;   // ... which the parser does not know
    bool in_command = false;    // a command set has begun and not ended
    std::string last;           // the last command, if it is a C-STORE that may be repeated
    uint8_t last_context = 0;   // its presentation-context-ID
    uint64_t stores = 0;        // C-STORE-RQ and -RSP that repeat the one before them
    uint64_t answers = 0;
    uint64_t seen_pdus = 0;     // what the parser counted
    uint64_t seen_bytes = 0;
    uint64_t remarks = 0;       // and remarked on, see zeek_dicom.spicy
    bool waits = false;         // a timer waits to tell what was counted
    bool untold = false;        // there is something to tell
};

struct Pair {
    Taker* orig = nullptr;
    Taker* resp = nullptr;
    std::shared_ptr<Stopwatch> stopwatch;
};

// Of each parser that waits, two a connection, Spicy keeps 10 kB where it is not told of less. What needs
// more gets its room.
static const bool stacks_are_small = [] {
    if ( hilti::rt::isInitialized() )
        return false;

    auto config = hilti::rt::configuration::get();
    config.fiber_shared_stack_swap_size_min = MIN_STACK;
    hilti::rt::configuration::set(config);
    return true;
}();

// Registered while Zeek loads the analyzers, so that it knows who raises it.
static const auto taken_event = zeek::event_registry->Register("DICOM::taken");

// By the analyzer of a connection. Never destroyed, as analyzers may outlive what is static.
static auto& takers = *new std::unordered_map<const zeek::analyzer::Analyzer*, Pair>;

Taker::~Taker() { takers.erase(Parent()); }

static uint32_t number(const u_char* b) {
    return uint32_t(b[0]) << 24 | uint32_t(b[1]) << 16 | uint32_t(b[2]) << 8 | b[3];
}

// True for the first bytes of a P-DATA-TF with nothing to remark on that is one PDV.
static bool fits(const u_char* h, int len) {
    if ( h[0] != 0x04 || (len > 1 && h[1] != 0x00) )
        return false;

    if ( len >= 6 && number(h + 2) < 6 )
        return false;

    return (len < 10 || number(h + 6) == number(h + 2) - 4) && (len < HEADER || h[11] <= 3);
}

void Taker::Take(uint64_t size, bool first_next) {
    missing = size;
    awaited = 0;
    passing = 0;
    framed = true;
    is_first = first_next;
    is_file = knows_first = in_command = false;
}

// What the parser counted in all, and remarked on.
void Taker::Saw(uint64_t all_pdus, uint64_t all_bytes, uint64_t what, bool is_end) {
    seen_pdus = all_pdus;
    seen_bytes = all_bytes;
    remarks = what;

    if ( is_end )
        Ended();
    else
        TellLater();
}

// The parser has a fragment of a data set in hand, and so many bytes of it and of what follows.
void Taker::Await(uint64_t size, uint64_t available) { awaited = size - std::min(size, available); }

// Hands bytes to the parser.
void Taker::Forward(int len, const u_char* data, bool is_orig) {
    awaited -= std::min<uint64_t>(awaited, len);
    ForwardStream(len, data, is_orig);
}

// True if a PDU has begun and not ended.
bool Taker::IsInside() const { return missing > 0 || passing > 0 || gathered > 0 || (remarks & 16); }

// True if the next fragment of a data set is its first, as far as the taker knows better.
bool Taker::IsFirst(bool otherwise) {
    auto known = knows_first;
    knows_first = false;
    return known ? is_first : otherwise;
}

// Another association begins on the connection.
void Taker::Renew() {
    untold = true;
    Tell();
    part10 = cut_off = unfinished = false;
    awaited = 0;
    remarks = 0;
    last.clear();
}

// A PDU has ended.
void Taker::Ended() {
    ended = zeek::run_state::network_time;
    TellLater();
}

void Taker::FragmentEnded() {
    Ended();
    stopwatch->FragmentEnded(IsOrig());
}

void Taker::TellLater() {
    untold = true;

    if ( ! waits ) {
        auto when = zeek::run_state::network_time + REPORT_INTERVAL;
        waits = true;
        ADD_ANALYZER_TIMER(&Taker::Expire, when, false, zeek::detail::TIMER_NETWORK);
    }
}

void Taker::Expire(double t) {
    waits = false;
    Tell();
}

void Taker::Tell() {
    if ( ! untold || ! taken_event )
        return;

    static auto type = zeek::id::find_type<zeek::RecordType>("DICOM::Taken");
    auto t = zeek::make_intrusive<zeek::RecordVal>(type);
    t->Assign(0, zeek::val_mgr->Count(seen_pdus + pdus));
    t->Assign(1, zeek::val_mgr->Count(seen_bytes + bytes));
    t->Assign(2, zeek::val_mgr->Count(stores));
    t->Assign(3, zeek::val_mgr->Count(answers));
    t->Assign(4, zeek::make_intrusive<zeek::TimeVal>(ended));
    t->Assign(5, zeek::val_mgr->Bool(remarks & 1));
    t->Assign(6, zeek::val_mgr->Bool(remarks & 2));
    t->Assign(7, zeek::val_mgr->Bool(part10 || remarks & 4));
    t->Assign(8, zeek::val_mgr->Bool(cut_off || remarks & 8));
    t->Assign(9, zeek::val_mgr->Count(missing + awaited));
    t->Assign(10, zeek::val_mgr->Bool(unfinished || IsInside()));
    Conn()->EnqueueEvent(taken_event, this, Conn()->GetVal(), zeek::val_mgr->Bool(IsOrig()), std::move(t));
    untold = false;
}

void Taker::DeliverStream(int len, const u_char* data, bool is_orig) {
    stopwatch->Came(is_orig);

    while ( len > 0 ) {
        int n = 0;

        if ( missing > 0 )
            n = Drop(data, len);
        else if ( passing > 0 )
            n = Pass(data, len, is_orig);
        else if ( framed )
            n = Begin(data, len, is_orig);
        else
            Forward(n = len, data, is_orig);

        data += n;
        len -= n;
    }
}

void Taker::Undelivered(uint64_t seq, int len, bool is_orig) {
    stopwatch->Gap();
    auto n = Drop(nullptr, len);

    if ( n < len ) {
        Stop(is_orig);
        awaited -= std::min<uint64_t>(awaited, len - n);
        ForwardUndelivered(seq + n, len - n, is_orig);
    }
}

// Drops what belongs to the fragment in hand; returns how much that is.
int Taker::Drop(const u_char* data, int len) {
    auto n = static_cast<int>(std::min<uint64_t>(missing, len));

    if ( is_file ) {
        for ( auto i = PREAMBLE; i < PREAMBLE + sizeof(PREFIX); i++ )
            if ( i >= offset && i - offset < uint64_t(n) )
                is_file = is_file && data && data[i - offset] == PREFIX[i - PREAMBLE];

        offset += n;

        if ( is_file && offset >= PREAMBLE + sizeof(PREFIX) ) {
            part10 = true;
            is_file = false;
        }
    }

    missing -= n;

    if ( n > 0 && missing == 0 )
        FragmentEnded();

    return n;
}

// Passes on what belongs to the PDU in hand; returns how much that is.
int Taker::Pass(const u_char* data, int len, bool is_orig) {
    auto n = static_cast<int>(std::min<uint64_t>(passing, len));
    passing -= n;
    Forward(n, data, is_orig);
    return n;
}

// Begins a PDU; returns how many bytes are done with, 0 where the parser is to see them.
int Taker::Begin(const u_char* data, int len, bool is_orig) {
    if ( gathered == 0 && len >= HEADER ) {
        if ( fits(data, HEADER) )
            return Frame(data, data, len, is_orig);

        Stop(is_orig);
        return 0;
    }

    auto n = std::min(HEADER - gathered, len);
    memcpy(header + gathered, data, n);
    gathered += n;

    if ( ! fits(header, gathered) )
        Stop(is_orig);
    else if ( gathered == HEADER ) {
        gathered = 0;
        Frame(header, header, HEADER, is_orig);
    }

    return n;
}

// Drops or passes on a PDU with the header h; returns how many bytes of the data are done with.
int Taker::Frame(const u_char* h, const u_char* data, int len, bool is_orig) {
    auto size = number(h + 2) - 6;
    auto flags = h[11];

    if ( (flags & 1) == 0 ) {
        pdus++;
        bytes += size;
        missing = size;
        is_file = is_first && size >= PREAMBLE + sizeof(PREFIX);
        offset = 0;
        is_first = false;
        knows_first = true;
        stopwatch->Fragment(is_orig, size, flags & 2);

        if ( size == 0 )
            FragmentEnded();

        return HEADER;
    }

    auto is_whole = flags == 3 && ! in_command && h == data && size <= uint64_t(len - HEADER);
    is_first = flags == 3;
    in_command = ! is_first;

    if ( ! is_whole )
        last.clear();
    else if ( Repeats(h + HEADER, size, h[10]) ) {
        pdus++;
        knows_first = true;
        Ended();
        return HEADER + static_cast<int>(size);
    }

    passing = HEADER + uint64_t(size);
    return Pass(data, len, is_orig);
}

// An element of a command set (PS3.7, 6.3.1), or what is left of it.
struct Element {
    const u_char* data;
    uint32_t size;

    uint32_t Tag() const { return uint32_t(data[1]) << 24 | uint32_t(data[0]) << 16 | data[3] << 8 | data[2]; }
    uint32_t Length() const {
        return uint32_t(data[7]) << 24 | uint32_t(data[6]) << 16 | uint32_t(data[5]) << 8 | data[4];
    }
    bool IsWhole() const { return size >= 8 && Length() <= size - 8; }
    uint32_t Word() const { return data[9] << 8 | data[8]; }
    Element Next() const { return {data + 8 + Length(), size - 8 - Length()}; }
};

// Elements in which one C-STORE of a series differs from the next (PS3.7, table 9.3-1 and -2).
static bool differs(uint32_t tag) {
    return tag == 0x0000 || tag == 0x0110 || tag == 0x0120 || tag == 0x1000;
}

// True for a C-STORE-RQ, and a C-STORE-RSP of success, that the parser would find sound.
static bool is_plain_store(Element e) {
    uint32_t field = 0, status = 0xffff;

    for ( uint32_t next = 0; e.size > 0; next = e.Tag() + 1, e = e.Next() ) {
        if ( ! e.IsWhole() || e.Tag() < next || e.Tag() > 0xffff || (next == 0 && e.Tag() != 0) )
            return false;

        switch ( e.Tag() ) {
            case 0x0002:
            case 0x0003:
                if ( e.Length() > 65 )
                    return false;

                break;
            case 0x0100:
            case 0x0900:
                if ( e.Length() < 2 )
                    return false;

                (e.Tag() == 0x0100 ? field : status) = e.Word();
                break;
            case 0x0600: return false;
        }
    }

    return field == 0x0001 || (field == 0x8001 && status == 0);
}

// Notes what an element tells of a command, as the parser reads it.
static void note(Said& said, Element e) {
    if ( e.Length() < 2 )
        return;

    auto word = e.Word();

    switch ( e.Tag() ) {
        case 0x0100: said.field = word; return;
        case 0x0900: said.status = word; return;
    }

    if ( e.Length() > 2 )
        return;

    switch ( e.Tag() ) {
        case 0x0110:
        case 0x0120: said.id = word; return;
        case 0x0800: said.brings_data = word != 0x0101; return;
    }
}

// Counts a command that says the same as the last one; any other becomes the last one.
bool Taker::Repeats(const u_char* command, uint32_t size, uint8_t context_id) {
    Element a{reinterpret_cast<const u_char*>(last.data()), static_cast<uint32_t>(last.size())};
    Element b{command, size};
    Said said;
    auto same = a.size > 0 && context_id == last_context;

    while ( same && a.size > 0 && b.IsWhole() && a.Tag() == b.Tag() ) {
        if ( ! differs(a.Tag()) )
            same = a.Length() == b.Length() && memcmp(a.data, b.data, 8 + a.Length()) == 0;

        note(said, b);
        a = a.Next();
        b = b.Next();
    }

    if ( same && a.size == 0 && b.size == 0 ) {
        (said.field == 0x0001 ? stores : answers)++;
        stopwatch->Command(IsOrig(), said);
        return true;
    }

    last.clear();

    if ( size <= MAX_COMMAND && is_plain_store({command, size}) ) {
        last.assign(reinterpret_cast<const char*>(command), size);
        last_context = context_id;
    }

    return false;
}

// Lets the parser go on, with the header that was being gathered.
void Taker::Stop(bool is_orig) {
    auto n = gathered;
    gathered = 0;
    passing = 0;
    framed = false;
    last.clear();

    if ( n > 0 )
        Forward(n, header, is_orig);
}

void Taker::EndpointEOF(bool is_orig) {
    cut_off = missing > 0;
    unfinished = IsInside();
    Stop(is_orig);
    TellLater();
}

// A connection may go without the end of its directions.
void Taker::Done() {
    untold |= IsInside();
    Tell();

    if ( IsOrig() )
        stopwatch->Tell();

    TCP_SupportAnalyzer::Done();
}

// For the grammar, see zeek_dicom.spicy.

static const zeek::spicy::rt::cookie::ProtocolAnalyzer& current() {
    return *static_cast<zeek::spicy::rt::Cookie*>(hilti::rt::context::cookie())->protocol;
}

// The first bytes of a connection.
void watch() {
    auto* analyzer = current().analyzer;
    takers[analyzer] = Pair{nullptr, nullptr, watch_packets(analyzer)};
}

void unwatched(const zeek::analyzer::Analyzer* analyzer, const Stopwatch* stopwatch) {
    auto found = takers.find(analyzer);

    if ( found != takers.end() && ! found->second.orig && found->second.stopwatch.get() == stopwatch )
        takers.erase(found);
}

void attach() {
    auto* analyzer = current().analyzer;
    auto* conn = analyzer->Conn();
    auto& pair = takers[analyzer];

    analyzer->AddSupportAnalyzer(pair.orig = new Taker(conn, true, pair.stopwatch));
    analyzer->AddSupportAnalyzer(pair.resp = new Taker(conn, false, pair.stopwatch));
}

static Taker* of(bool is_orig) {
    auto found = takers.find(current().analyzer);

    if ( found == takers.end() )
        return nullptr;

    return is_orig ? found->second.orig : found->second.resp;
}

static Taker* here() { return of(current().is_orig); }

static Stopwatch* stopwatch() {
    auto found = takers.find(current().analyzer);
    return found != takers.end() ? found->second.stopwatch.get() : nullptr;
}

// Takes the rest of a fragment that ends its PDU, not within a command set: `available` of its `size`
// bytes the parser has already. Returns how much is taken. `first_next`: what comes then is the first of its data set.
Count take(const Count& size, const Count& available, const hilti::rt::Bool& first_next) {
    auto* taker = here();

    if ( ! taker || available > size )
        return 0;

    taker->Take(size - available, first_next);
    return size - available;
}

// True if the next fragment of a data set is its first, which the parser may not know.
hilti::rt::Bool is_first(const hilti::rt::Bool& otherwise) {
    auto* taker = here();
    return taker ? taker->IsFirst(otherwise) : bool(otherwise);
}

// What the parser of a direction counted in all, and remarked on.
void saw(const hilti::rt::Bool& is_orig, const Count& pdus, const Count& bytes, const Count& remarks,
         const hilti::rt::Bool& ended) {
    if ( auto* taker = of(is_orig) )
        taker->Saw(pdus, bytes, remarks, ended);
}

// Tells at once what was counted in both directions: another association begins.
void renew() {
    for ( auto* taker : {of(true), of(false)} )
        if ( taker )
            taker->Renew();

    if ( auto* s = stopwatch() )
        s->Renew();
}

// What the parser of a direction tells the stopwatch.

void negotiated(const hilti::rt::Bool& is_request) {
    if ( auto* s = stopwatch() )
        s->Negotiated(current().is_orig, is_request);
}

// A number of 16 bits, or none.
static std::optional<uint16_t> or_none(uint64_t number) {
    return number <= 0xffff ? std::optional<uint16_t>(number) : std::nullopt;
}

void commanded(const Count& field, const Count& id, const Count& status, const hilti::rt::Bool& brings_data) {
    Said said;
    said.field = static_cast<uint16_t>(uint64_t(field));
    said.id = or_none(id);
    said.status = or_none(status);
    said.brings_data = brings_data;

    if ( auto* s = stopwatch() )
        s->Command(current().is_orig, said);
}

void fragment(const Count& size, const hilti::rt::Bool& is_last, const Count& available) {
    if ( auto* taker = here() )
        taker->Await(size, available);

    if ( auto* s = stopwatch() )
        s->Fragment(current().is_orig, size, is_last);
}

void fragment_ended() {
    if ( auto* s = stopwatch() )
        s->FragmentEnded(current().is_orig);
}

void forget() {
    if ( auto* s = stopwatch() )
        s->Forget(current().is_orig);
}

void gap() {
    if ( auto* s = stopwatch() )
        s->Gap();
}

} // namespace pacsflow
