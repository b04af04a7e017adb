// Takes the bytes of data sets out of a stream before a parser sees them.
//
// To hand a segment to a Spicy parser costs several times what all else costs that Zeek does with
// it, and of the segments of a data set the parser has nothing to say. So a taker stands in front
// of each direction's parser. The parser tells it, at the header of a data set's fragment, how much
// is yet to come; the taker drops that. As long as PDUs with the same header follow, it counts and
// drops them, too. All else it passes on. It keeps nothing but a partial header.

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include <hilti/rt/libhilti.h>

#include <zeek/RunState.h>
#include <zeek/analyzer/protocol/tcp/TCP.h>
#include <zeek/spicy/cookie.h>

namespace pacsflow {

using Count = hilti::rt::integer::safe<uint64_t>;

constexpr int HEADER = 12;              // bytes of a P-DATA-TF with one PDV before its fragment
constexpr double REPORT_INTERVAL = 1.0; // seconds for which the parser may hear nothing

class Taker : public zeek::analyzer::tcp::TCP_SupportAnalyzer {
public:
    // The name must be one that Zeek knows; this is what it calls such analyzers.
    Taker(zeek::Connection* conn, bool is_orig) : TCP_SupportAnalyzer("CONTENTS", conn, is_orig) {}
    ~Taker() override;

    void DeliverStream(int len, const u_char* data, bool is_orig) override;
    void Undelivered(uint64_t seq, int len, bool is_orig) override;
    void EndpointEOF(bool is_orig) override;
    void Done() override;

    void Take(uint64_t size);
    void Repeat(uint32_t length, uint8_t context_id);

    uint64_t missing = 0; // bytes of the fragment in hand that have yet to come
    uint64_t pdus = 0;    // P-DATA-TF PDUs that the parser did not see
    uint64_t bytes = 0;   // of data sets in them
    double ended = 0;     // when the last fragment ended

private:
    int Drop(int len);
    int Match(const u_char* data, int len, bool is_orig);
    void Stop(bool is_orig);

    bool ahead = false;         // of the parser, which waits for the next PDU
    bool repeats = false;       // a PDU with the same header is expected next
    u_char header[HEADER] = {}; // this header
    int matched = 0;            // bytes of it that came
    uint32_t fragment = 0;      // bytes after it
    double since = 0;           // when the parser was last heard
};

struct Pair {
    Taker* orig = nullptr;
    Taker* resp = nullptr;
};

// By the analyzer of a connection. Never destroyed, as analyzers may outlive what is static.
static auto& takers = *new std::unordered_map<const zeek::analyzer::Analyzer*, Pair>;

Taker::~Taker() { takers.erase(Parent()); }

void Taker::Take(uint64_t size) {
    missing = size;
    ahead = true;
}

void Taker::Repeat(uint32_t length, uint8_t context_id) {
    auto put = [this](int at, uint32_t value) {
        for ( int i = 0; i < 4; i++ )
            header[at + i] = static_cast<u_char>(value >> (24 - 8 * i));
    };

    header[0] = 0x04; // P-DATA-TF
    header[1] = 0x00;
    put(2, length);
    put(6, length - 4);
    header[10] = context_id;
    header[11] = 0x00; // of a data set, not its last fragment
    fragment = length - 6;
    repeats = true;
    since = zeek::run_state::network_time;
}

void Taker::DeliverStream(int len, const u_char* data, bool is_orig) {
    while ( len > 0 ) {
        auto n = missing > 0 ? Drop(len) : Match(data, len, is_orig);

        if ( n == 0 ) {
            Stop(is_orig);
            ForwardStream(len, data, is_orig);
            return;
        }

        data += n;
        len -= n;
    }
}

void Taker::Undelivered(uint64_t seq, int len, bool is_orig) {
    auto n = Drop(len);

    if ( n < len ) {
        Stop(is_orig);
        ForwardUndelivered(seq + n, len - n, is_orig);
    }
}

// Drops what belongs to the fragment in hand; returns how much that is.
int Taker::Drop(int len) {
    auto n = static_cast<int>(std::min<uint64_t>(missing, len));
    missing -= n;

    if ( n > 0 && missing == 0 )
        ended = zeek::run_state::network_time;

    return n;
}

// Takes the header that is expected; returns how many bytes are of it, 0 where it is another.
int Taker::Match(const u_char* data, int len, bool is_orig) {
    auto n = std::min(HEADER - matched, len);

    if ( ! repeats || memcmp(header + matched, data, n) != 0 )
        return 0;

    matched += n;

    if ( matched == HEADER ) {
        if ( zeek::run_state::network_time - since < REPORT_INTERVAL ) {
            matched = 0;
            ++pdus;
            bytes += fragment;
            missing = fragment;
        }
        else
            Stop(is_orig);
    }

    return n;
}

// Lets the parser go on, from the header that was being taken.
void Taker::Stop(bool is_orig) {
    auto n = matched;
    matched = 0;
    repeats = false;
    ahead = false;

    if ( n > 0 )
        ForwardStream(n, header, is_orig);
}

void Taker::EndpointEOF(bool is_orig) { Stop(is_orig); }

// A connection may go without the end of its directions. The parser then learns of it here, so that
// it can tell what was taken since it was last heard; it must find nothing wrong, for Zeek does not
// know the connection any more.
void Taker::Done() {
    if ( ahead ) {
        missing = 0;
        matched = 0;
        static_cast<zeek::analyzer::tcp::TCP_ApplicationAnalyzer*>(Parent())->EndpointEOF(IsOrig());
    }

    TCP_SupportAnalyzer::Done();
}

// For the grammar, see zeek_dicom.spicy.

static const zeek::spicy::rt::cookie::ProtocolAnalyzer& current() {
    return *static_cast<zeek::spicy::rt::Cookie*>(hilti::rt::context::cookie())->protocol;
}

void attach() {
    auto* analyzer = current().analyzer;
    auto& pair = takers[analyzer];

    analyzer->AddSupportAnalyzer(pair.orig = new Taker(analyzer->Conn(), true));
    analyzer->AddSupportAnalyzer(pair.resp = new Taker(analyzer->Conn(), false));
}

// Takes the rest of a fragment: `available` of its `size` bytes the parser has already. Fragments
// like it are taken, too, if a `length` is given, that of its PDU. Returns how much is taken.
Count take(const Count& size, const Count& available, const Count& length, const Count& context_id) {
    auto found = takers.find(current().analyzer);

    if ( found == takers.end() || available > size )
        return 0;

    auto* taker = current().is_orig ? found->second.orig : found->second.resp;
    taker->Take(size - available);

    if ( length > 0 )
        taker->Repeat(length, context_id);

    return size - available;
}

Count taken(const Count& what) {
    auto found = takers.find(current().analyzer);

    if ( found == takers.end() )
        return 0;

    const auto* taker = (what % 2) == 0 ? found->second.orig : found->second.resp;

    switch ( static_cast<uint64_t>(what) / 2 ) {
        case 0: return taker->pdus;
        case 1: return taker->bytes;
        case 2: return taker->missing;
        default: return static_cast<uint64_t>(taker->ended * 1e9);
    }
}

} // namespace pacsflow
