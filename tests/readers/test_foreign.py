"""What pacsflow does not read is named, with what to give instead."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from conftest import CAPTURES
from pacsflow.errors import InputError
from pacsflow.readers import Quality, read, recognise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]

CAPTURE = CAPTURES / "echo_ok.pcapng"


@pytest.mark.few(2)
@pytest.mark.parametrize("form", ["ek", "pdml", "psml", "ps", "text", "tabs", "text -V"])
def test_other_forms_of_tshark(tshark: str, write: Write, form: str) -> None:
    command = [tshark, "-n", "-r", str(CAPTURE), "-T", *form.split()]
    done = subprocess.run(command, capture_output=True, check=True)
    with pytest.raises(InputError, match=r"does not read \(export the frames: tshark -T json"):
        recognise(write("frames.out", done.stdout))


@pytest.mark.few(2)
@pytest.mark.parametrize("what", ["conv,ip", "endpoints,tcp", "io,stat,1", "io,phs"])
def test_statistics_of_tshark(tshark: str, write: Write, what: str) -> None:
    command = [tshark, "-n", "-r", str(CAPTURE), "-q", "-z", what]
    done = subprocess.run(command, capture_output=True, check=True)
    with pytest.raises(InputError, match="statistics of tshark"):
        recognise(write("statistics.txt", done.stdout))


def test_other_options_of_tshark(tshark: str, write: Write) -> None:
    for options in (["-T", "jsonraw"], ["-T", "json", "-j", "ip tcp"]):
        done = subprocess.run(
            [tshark, "-n", "-r", str(CAPTURE), *options], capture_output=True, check=True
        )
        with pytest.raises(InputError, match="tshark -T json writes them, without -j"):
            list(read(recognise(write("frames.json", done.stdout)), Quality()))


OTHERS = {
    "lines that stand in quotes": [
        '"#separator \\x09"\n"#path\tconn"\n',
        '"Time,Source,Destination,Length"\n"2026-03-02 08:05:00,10.0.0.1,10.0.0.2,60"\n',
        '"{""ts"":1772438700,""uid"":""C1""}"\n"{""ts"":1772438701}"\n',
    ],
    "a file of settings": [
        "[site]\ntimezone = 'UTC'\n", "# ours\n\n[report.mail]  # by mail\nto = 1\n",
        "# ours\nlanguage = 'en'\n\n# the site\n[site]\r\nname = 'x'\n",
    ],
    "frames as text": [
        "No.     Time           Source       Destination  Protocol Length Info\n 1 0.0 10.0.0.1\n",
    ],
    "frames as C arrays": [
        "/* Frame (78 bytes) */\nstatic const unsigned char pkt1[78] = {\n0x00, 0x01\n};\n",
    ],
    "frames as K12 text": ["+---------+---------------+----------+\n08:00:00,123,456   ETHER\n"],
    "frames as hexadecimal digits": ["0000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c  ...\n"],
    "one of Wireshark's statistics, without": [
        "---\n- Address A: 10.0.0.1\n  Address B: 10.0.0.2\n  Bytes: 1234\n",
        "- Address: 10.0.0.1\n  Packets: 10\n", '[{"Address A":"10.0.0.1","Bytes":1234}]',
    ],
    "sums of trace-summary": [">== Total === 2026-03-02-08-00-00 - 2026-03-02-09-00-00\n"],
    "a Parquet file, .* duckdb": ["PAR1\x15\x04"],
    "a table of Arrow": ["ARROW1\0\0", "FEA1\0"],
    "a table of a program": ["ORC\x0a", "Obj\x01\x04\x14avro.codec"],
    "a database": ["SQLite format 3\0", "12345678DUCK\0"],
    "a page of HTML": ["<html><table><tr><th>Time</th></tr></table></html>", "<!DOCTYPE html>"],
    "a workbook as XML": ['<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n'],
    "a PDF": ["%PDF-1.7\n"],
    r"as zq writes them .zson., .* zq -f json": [
        '{_path:"conn",ts:2026-03-02T08:00:00Z,id:{orig_h:10.0.0.1,orig_p:1(port=uint16)}}\n',
    ],
    "as zq writes them .zjson": ['{"type":{"kind":"record","id":30,"fields":[]},"value":[]}\n'],
    "an answer of Loki, .* jq": [
        '{"streams":[{"stream":{"job":"zeek"},"values":[["1","{}"]]}]}',
        '{"status":"success","data":{"resultType":"streams","result":[{"stream":{"a":"b"},"values"'
        ':[["1","{}"]]}]}}',
    ],
    "sessions of Arkime": ['{"firstPacket":1772438400000,"lastPacket":1772438401500}\n'],
    "samples as sflowtool -L": [
        "unixSecondsUTC,srcIP,dstIP,sampledPacketSize,meanSkipCount\n1772438400,a,b,1000,512\n",
    ],
    r"flows or sums .it has a column DstBytes.*id.orig_h for SrcIpAddr, id.orig_p for SrcPort": [
        "TimeGenerated,SrcIpAddr,SrcPortNumber,DstIpAddr,DstPortNumber,SrcBytes,DstBytes\n",
    ],
    r"flows or sums .it has a column ReceivedBytes.*id.resp_h for DestinationIP": [
        "TimeGenerated [UTC],SourceIP,SourcePort,DestinationIP,DestinationPort,SentBytes,"
        "ReceivedBytes\n",
    ],
    r"stand without names in its 'rows' .*jq -c '.tables.{5}.columns as": [
        '{"tables":[{"name":"PrimaryResult","columns":[{"name":"ts"}],"rows":[[1772438400.5]]}]}',
    ],
    "stand without names in its 'values' .*columns as": [
        '{"columns":[{"name":"ts","type":"date"}],"values":[[1772438400.5]]}',
    ],
    "stand without names in its 'datarows' .*schema as": [
        '{"schema":[{"name":"ts","type":"date"}],"datarows":[[1772438400.5]],"total":1}',
    ],
    "a table without a column Destination or Length": [
        "timestamp,source,message\n2026-03-02T08:00:00.123Z,sensor1,of it\n",
    ],
    "one of Wireshark's statistics": [
        '"Address A","Port A","Address B","Port B","Packets","Bytes"\n"10.0.0.1",1',
        '"Address","Packets","Bytes","Tx Packets"\n"10.0.0.1","1,234","12 MB","600"',
        '"Protocol","Percent Packets","Packets"\n"Frame","100","1000"',
        '"Interval start","All packets"\n0,12',
    ],
    "flows of nfdump": [
        '[{"type":"FLOW","first":"2026","src4_addr":"10.0.0.1","in_packets":3,"in_bytes":400}]',
        "ts,te,td,sa,da,sp,dp,pr,ipkt,ibyt\n2026-03-02 08:00:00,x,1,10.0.0.1,10.0.0.2,1,2,TCP,3,4",
        "firstSeen,duration,proto,srcAddr,dstAddr,packets,bytes\n2026-03-02,1,TCP,a,b,3,4",
        "Date first seen          Duration Proto      Src IP Addr:Port   Packets    Bytes Flows",
    ],
    "flows of argus": [
        "StartTime,Flgs,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,TotPkts,TotBytes,State\n",
        "StartTime,Proto,SrcAddr,DstAddr,SrcBytes,DstBytes,SrcPkts,DstPkts,Dur\n",
    ],
    "events of Suricata": ['{"timestamp":"2026-03-02T08:00:00Z","event_type":"flow","flow":{}}'],
    "flows of pmacct": ['{"event_type":"purge","ip_src":"10.0.0.1","packets":3,"bytes":400}'],
    "samples as sflowtool": [
        '{"datagramSourceIP":"10.9.0.250","agent":"10.9.0.1","samples":[{"srcIP":"10.0.0.1"}]}',
        '{\n "datagramSourceIP":"10.9.0.250",\n "samples":[\n',
        "startDatagram =====\nagent 10.9.0.1",
    ],
    "what capinfos says": [
        "File name:           a.pcap\nFile type:           pcap\n",
        "File name\tFile type\tNumber of packets\tStart time\na.pcap\tpcap\t332\tx\n",
    ],
    "flow logs of a cloud": ["version account-id interface-id srcaddr dstaddr srcport bytes\n2 1"],
    "samples as sflowtool -l": ["FLOW,10.9.0.1,1,2,001122334455,665544332211,0x0800,0,0,10.0.0.1"],
    "text of tcpdump": ["08:00:00.000000 IP 10.0.0.1.50000 > 10.0.0.2.104: Flags [P.], length 99"],
    "a table whose columns are not known .Nr, Tijd, Bron, Doel, .*name its columns Time": [
        "Nr;Tijd;Bron;Doel;Protocol;Lengte\n1;2026-03-02 08:00:00;10.0.0.1;10.0.0.2;TCP;60\n",
    ],
    "rows of a Zeek log without its header": [
        "2026-03-02T08:00:00+0000\tCHhAvVGS1DHFjwGM9\t10.0.0.1\t40000\t10.0.0.2\t104\ttcp\n",
        "1795332659.134758\tCcXhXC2opVGOGkVzS6\t127.0.0.11\t41609\t127.0.0.2\t104\ttcp\n",
    ],
    "an answer whose rows stand in its 'results' .*jq -c '.results": [
        '{"preview":false,"fields":[{"name":"_time"}],"results":[{"ts":1772438400.5,"id.orig_h":"10.0.0.1"}]}',
    ],
    "an answer whose rows stand in its 'data'": [
        '{\n "data": [\n  {\n   "ts": 1772438400.5,\n   "id.orig_h": "10.0.0.1"\n  }\n ]\n}\n',
    ],
    "an answer whose rows stand without names in its 'rows' .*jq -c '.fields as": [
        '{"preview":false,"init_offset":0,"fields":["_time","id.orig_h"],"rows":[["1","10.0.0.1"]]}',
        '{\n "fields": [{"name": "_time"}],\n "rows": [\n  [\n   "1772438400.5"]]}',
    ],
    "an answer whose rows stand without names in its 'columns' .*transpose": [
        '{"fields":["_time","id.orig_h"],"columns":[["1"],["10.0.0.1"]]}',
    ],
    "an answer of Elasticsearch": ['{"took":5,"hits":{"total":{"value":5},"hits":[]}}'],
    "a table without a header": [
        "1772438400.5\t10.0.0.1\t10.0.0.2\t60\n", "2026-03-02,TCP,fe80::1,fe80::2\n",
        "10.0.0.1;10.0.0.2;60\n",
    ],
    "rows of Zeek's logs in a table": [
        '"_time",host,source,sourcetype,"id.orig_h","id.resp_h","orig_bytes"\n',
        '"@timestamp","source.ip","destination.ip","zeek.connection.state"\n',
        "ts,uid,id.orig_h,id.orig_p,id.resp_h,id.resp_p,orig_bytes\n",
        "_raw,_time,sourcetype\n1772438400.5\tC1\t10.0.0.1,2026-03-02T08:00:00Z,bro_conn\n",
    ],
    "a table of flows or sums": [
        "time,srcaddr,dstaddr,bytes\n1772438400,10.0.0.1,10.0.0.2,1400\n",
        '"@timestamp","source.ip","destination.ip","network.bytes"\n',
        "Receive Time,Source address,Destination address,Bytes,Bytes Sent,Bytes Received\n",
        "Date/Time,Source,Destination,Service,Sent / Received\n",
        "TIMESTAMP_START,SRC_IP,DST_IP,BYTES\n2026-03-02 08:00:00.5,10.0.0.1,10.0.0.2,400\n",
        "IPV4_SRC_ADDR|IPV4_DST_ADDR|IN_PKTS|IN_BYTES|FIRST_SWITCHED\n10.0.0.1|10.0.0.2|3|400|1\n",
        "Timestamp,Source,Destination,Total Bytes\n2026-03-02 08:00,10.0.0.1,10.0.0.2,1500\n",
        "sIP|dIP|bytes|sTime\n10.0.0.1|10.0.0.2|400|2026/03/02T08:00:00.000\n",
    ],
    "not a Zeek log, a capture": [
        "Source,Destination,Sum of Length\n10.0.0.1,10.0.0.2,5\n",
        "Origem;Destino;Soma de Tamanho\n10.0.0.1;10.0.0.2;5\n",
        "source,destination,sum(bytes)\n10.0.0.1,10.0.0.2,5\n",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "text"), [(what, text) for what, texts in OTHERS.items() for text in texts]
)
def test_what_others_write(write: Write, what: str, text: str) -> None:
    with pytest.raises(InputError, match=what):
        recognise(write("a.csv", text))


@pytest.mark.parametrize("last", [(), ("vlan.id",)])
def test_quotes_that_tshark_writes(tshark: str, write: Write, last: tuple[str, ...]) -> None:
    """A cell that is empty has none around it, also where all rows end with it."""
    command = [tshark, "-n", "-r", str(CAPTURE), "-T", "fields", "-E", "header=y", "-E", "quote=s"]
    command += ["-E", "separator=,"]
    for field in ("frame.time", "ip.src", "ip.dst", "frame.len", *last):
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, check=True)
    quality = Quality()
    batches = [b for _, b in read(recognise(write("a.csv", done.stdout)), quality)]
    assert sum(b.num_rows for b in batches) == done.stdout.count(b"\n") - 1
    assert quality.unreadable == 0


@pytest.mark.parametrize(
    ("name", "cell", "known"),
    [("Length (B)", "60", True), ("Bytes (octets)", "60", True), ("Length (kB)", "0.06", False)],
)
def test_units_of_lengths(write: Write, name: str, cell: str, known: bool) -> None:
    text = f"Time,Source,Destination,{name}\n2026-03-02 08:00:00,10.0.0.1:104,[fe80::1]:5,{cell}\n"
    quality = Quality()
    rows = [r for _, b in read(recognise(write("a.csv", text)), quality) for r in b.to_pylist()]
    assert (rows[0]["id.orig_h"], rows[0]["id.resp_h"]) == ("10.0.0.1", "fe80::1")
    assert rows[0]["length"] == (60 if known else 0)
    assert any("Length (kB) is not in bytes" in n for n in quality.notes) is not known


def test_a_row_of_more_bytes_than_a_frame_has(write: Write) -> None:
    row = "1,2026-03-02 08:00:00,10.0.0.1,10.0.0.2,"
    text = f"No.,Time,Source,Destination,Length\n{row}1500\n{row}15000000\n"
    quality = Quality()
    batches = [b for _, b in read(recognise(write("a.csv", text)), quality)]
    assert (sum(b.num_rows for b in batches), quality.unreadable) == (1, 1)
    assert "expected the bytes of one frame" in quality.examples[0]


RENAMED = {
    "Start,Src_IP,Src_Port,Dst_IP,Dst_Port,Protocol,Bytes_In,Bytes_Out\n": (
        "a table of flows",
        "id.orig_h for Src_IP, id.orig_p for Src_Port, id.resp_h for Dst_IP, id.resp_p for "
        "Dst_Port, proto for Protocol and add duration, orig_ip_bytes, resp_ip_bytes",
    ),
    "source;destination address;bytes_in;bytes_out\n": (
        "a table of flows", "add ts, id.orig_p, id.resp_p, proto, duration, orig_ip_bytes",
    ),
    "when,from,destination address,size\n": (
        "a table without a column Time or Source or Length .it has when, from, destination",
        "name its columns Time, Source, Destination, Length",
    ),
    "Quando;De;Destino;Volume\n": ("a table without a column Time or Source or Length", "name its"),
}  # fmt: skip


@pytest.mark.parametrize("text", RENAMED)
def test_columns_by_other_names_are_named(write: Write, text: str) -> None:
    problem, hint = RENAMED[text]
    with pytest.raises(InputError, match=problem) as refused:
        recognise(write("a.csv", text))
    assert hint in str(refused.value)


def test_a_table_of_flows_that_was_renamed_as_told_is_read(write: Write) -> None:
    text = "ts,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,duration,orig_ip_bytes,resp_ip_bytes\n"
    row = "1772438400.5,10.0.0.1,40000,10.0.0.2,104,tcp,1.5,1400,420\n"
    ((log, batch),) = read(recognise(write("a.csv", text + row)), Quality())
    assert (log, batch.num_rows) == ("conn", 1)


@pytest.mark.parametrize(
    "names",
    ["frame_time_epoch,ip_src,ip_dst,frame_len", "ts,src_ip,dst_ip,bytes",
     "time_stamp,Src Host,Dst Host,packet_length"],
)  # fmt: skip
def test_names_whose_dots_are_gone(write: Write, names: str) -> None:
    text = f"{names}\n1772438400.5,10.0.0.1,10.0.0.2,60\n"
    ((_, batch),) = read(recognise(write("a.csv", text)), Quality())
    (row,) = batch.to_pylist()
    assert (row["ts"].timestamp(), row["id.orig_h"], row["length"]) == (
        1772438400.5, "10.0.0.1", 60,
    )  # fmt: skip


def test_columns_that_are_not_known_are_named(write: Write) -> None:
    quality = Quality()
    path = write("a.csv", "moment,src_ip,dst_ip,bytes,x\n1772438400.5,10.0.0.1,10.0.0.2,60,1\n")
    list(read(recognise(path), quality))
    assert "columns that are not known: moment, x" in str(quality.notes)


def test_columns_that_a_user_has_added_make_no_flows(write: Write) -> None:
    text = "Time,Source,Destination,Length,Total Length,Hour\n"
    path = write("a.csv", text + "1772438400.5,10.0.0.1,10.0.0.2,60,46,8\n")
    ((_, batch),) = read(recognise(path), Quality())
    assert batch["length"].to_pylist() == [60]
