"""Matches column names of spreadsheets and exports to the columns of frames.

English, Portuguese, Spanish, German, French and Italian names, those that Wireshark shows, and
tshark's own fields.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass, replace

from pacsflow.readers.moments import is_zone

NAMES = {
    "ts": "frame.time_epoch, epoch time, frame.time_utc, utc date and time, utc time, "
    "_ws.col.utc_ymd_time, _ws.col.utc_time, utc date as yyyy-mm-dd and time, frame.time, "
    "arrival time, absolute time, "
    "absolute date and time, date and time, ts, time stamp, _ws.col.abs_ymd_time, "
    "_ws.col.abs_time, timestamp, "
    "datetime, date et heure, horodatage, data e ora, data e hora, data/hora, data hora, "
    "fecha y hora, fecha/hora, datum und uhrzeit, "
    "date/time, datum/zeit, zeitstempel, zeitpunkt, excel time, serial date, excel date, time, "
    "time (utc), _ws.col.time, _ws.col.cls_time, tempo, horario, hora, tiempo, uhrzeit, zeit, "
    "temps, heure, ora, "
    "frame time, packet time, capture time, time of day, "
    "_ws.col.rel_time, frame.time_relative, relative time, time since reference or first frame",
    "date": "date, data, datum, fecha, day, dia, tag, jour, giorno, utc date, date utc, "
    "frame date, packet date, capture date, data da captura, fecha de captura",
    "zone": "time zone, timezone, zone, tz, utc offset, fuso horario, fuso, zona horaria, "
    "zeitzone, fuseau horaire, fuso orario",
    "protocol": "protocol, protocolo, protokoll, protocole, protocollo, _ws.col.protocol",
    "protocols": "frame.protocols, protocols in frame",
    "id.orig_h": "ip.src, ipv6.src, source, source address, src, source ip, src ip, "
    "source ip address, srcip, src addr, source addr, src host, source host, "
    "_ws.col.source, _ws.col.def_src, _ws.col.unres_src, _ws.col.res_src, "
    "_ws.col.def_net_src, origem, endereco de origem, ip de origem, ip origem, fonte, origen, "
    "direccion de origen, ip de origen, ip origen, adresse source, ip source, origine, sorgente, "
    "indirizzo di origine, indirizzo sorgente, ip di origine, ip sorgente, quelle, quelladresse, "
    "quell ip, ip.src_host, arp.src.proto_ipv4",
    "id.resp_h": "ip.dst, ipv6.dst, destination, destination address, dst, dest, destination ip, "
    "dst ip, destination ip address, dstip, destip, dst addr, dst address, destination addr, "
    "dst host, dest host, destination host, _ws.col.destination, _ws.col.def_dst, "
    "_ws.col.unres_dst, "
    "_ws.col.res_dst, _ws.col.def_net_dst, dest ip, dest addr, dest address, destino, "
    "endereco de destino, ip de destino, "
    "ip destino, direccion de destino, adresse de destination, adresse destination, "
    "ip de destination, destinazione, indirizzo di destinazione, ip di destinazione, ziel, "
    "zieladresse, ziel ip, ip.dst_host, arp.dst.proto_ipv4",
    "ipv6_source": "ipv6.src",
    "ipv6_destination": "ipv6.dst",
    "hw_source": "eth.src, hardware source, hw source, hw src, source mac, src mac, hw src addr, "
    "source mac address, _ws.col.def_dl_src, _ws.col.unres_dl_src, hardware de origem, "
    "origem hardware, mac de origem, hardware origem, mac de origen, mac origen, quell mac",
    "hw_destination": "eth.dst, hardware destination, hw destination, hw dest, hw dst, "
    "hw dest addr, destination mac, dst mac, destination mac address, _ws.col.def_dl_dst, "
    "_ws.col.unres_dl_dst, hardware de destino, destino hardware, mac de destino, "
    "hardware destino, hardware dest, mac destino, ziel mac",
    "vlan": "vlan.id, vlan, vlan id, 802.1q vlan id, _ws.col.8021q_vlan_id",
    "length": "frame.len, length, packet length, frame length, packet length (bytes), "
    "length (bytes), len, bytes, _ws.col.length, _ws.col.packet_length, tamanho, comprimento, "
    "tamanho (bytes), tamano, longitud, lange, paketlange, longueur, taille, lunghezza, dimensione",
    "info": "info, information, informations, informazioni, informacao, informacoes, informacion, "
    "informationen, _ws.col.info",
    "id.orig_p": "tcp.srcport, udp.srcport, source port, src port, _ws.col.def_src_port, "
    "_ws.col.unres_src_port, porta de origem, porta origem, puerto de origen, quellport",
    "id.resp_p": "tcp.dstport, udp.dstport, destination port, dest port, dst port, "
    "_ws.col.def_dst_port, _ws.col.unres_dst_port, porta de destino, porta destino, "
    "puerto de destino, zielport",
    "tcp": "tcp.stream, tcp.srcport, tcp.dstport",
    "udp": "udp.stream, udp.srcport, udp.dstport",
    "number": "no., no, nr., nr, nº, n°, num, number, frame.number, _ws.col.number, numero, "
    "nummer, #",
    "tcp_stream": "tcp.stream",
    "udp_stream": "udp.stream",
}
"""The names of each column, the one that counts first first."""
BARE = (
    "protocol", "protocols", "tcp", "udp", "tcp_stream", "udp_stream", "date", "zone",
    "ipv6_source", "ipv6_destination", "number",
)  # fmt: skip
"""Columns that alone make no table of frames."""
DAYS = {"excel time", "serial date", "excel date"}
"""Names that say that a number is one of a spreadsheet's days."""
_COMMA = {
    "tempo", "hora", "data", "data e hora", "data/hora", "data hora", "horario", "protocolo",
    "origem", "destino", "tamanho", "comprimento", "informacao", "informacoes", "fecha", "tiempo",
    "fecha y hora", "fecha/hora", "origen", "longitud", "tamano", "informacion", "datum", "zeit",
    "uhrzeit", "zeitstempel", "quelle", "ziel", "protokoll", "lange", "quelladresse",
    "zieladresse", "temps", "heure", "date et heure", "horodatage", "protocole", "longueur",
    "taille",
    "adresse source", "ora", "data e ora", "protocollo", "lunghezza", "origine", "destinazione",
    "sorgente", "dimensione",
}  # fmt: skip
"""Names in languages that write the day before the month, and 1.234,5 for our 1,234.5."""


FLOWS = {
    "packets", "pkts", "frames", "packet count", "frame count", "pacotes", "quadros", "paquetes",
    "tramas", "pakete", "paquets", "trames", "pacchetti", "orig pkts", "resp pkts", "count",
    "contagem", "quantidade", "cantidad",
    "anzahl", "duration", "duracao", "duracion", "dauer", "duree", "durata", "start",
    "start time", "first seen",
    "stop time", "end time", "last packet",
    "last seen", "bytes in", "bytes out", "bytes sent", "bytes received", "sent bytes",
    "received bytes", "bytes enviados", "bytes recebidos", "bytes recibidos", "orig bytes",
    "resp bytes", "conn state", "sourcetype", "sent / received", "elapsed time (sec)", "flows",
    "bytes/s", "bits/s", "bps", "packets/s", "in bytes", "in pkts", "in packets", "out bytes",
    "out pkts", "out packets", "first switched", "last switched", "timestamp start",
    "timestamp end", "stime", "etime", "total bytes", "total packets",
    "bytes total", "srcaddr", "dstaddr", "meanskipcount", "sampledpacketsize", "flow start",
    "flow end", "flow duration",
}  # fmt: skip
"""Columns of tables whose rows are flows or sums."""
SUMMED = re.compile(
    r"(?:sum|count|avg|average|min|max|soma|contagem|media|summe|anzahl|mittelwert|suma|cuenta|"
    r"recuento|promedio)(?: ?\(| of | de | von )"
)
"""What a column of sums is called, by Splunk and by pivot tables."""
BESIDE = "%d tables stand beside each other under one header: all were read"
_LEAST = 3
"""Beside another table, one has so many columns of frames."""
_IN_BYTES = {"b", "byte", "bytes", "octets", "octetos"}
_ZONED = re.compile(r"[\"']?(.+?)\s*[(\[](.+)[)\]][\"']?")


def normalise(name: str) -> str:
    """Return a column name in lower case, without accents, quotes and doubled spaces."""
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = plain.strip().strip("\"'").lower()
    if plain.startswith("_ws.col.") or re.fullmatch(r"[a-z]+\.[a-z0-9_.]+", plain):
        return plain
    return re.sub(r"[\s_,-]+", " ", plain).strip()


PLACES = {
    column: {normalise(name.strip()): rank for rank, name in enumerate(names.split(","))}
    for column, names in NAMES.items()
}


_DOTTED = {
    normalise(re.sub(r"[._]", " ", name.strip())): name.strip()
    for names in NAMES.values()
    for name in names.split(",")
    if "." in name.strip().rstrip(".")
}
"""tshark's fields by what is left of their names where dots cannot stand: ``frame_time_epoch``."""


def is_of_tshark(name: str) -> bool:
    """Say whether a column is called like one of tshark's fields.

    >>> is_of_tshark("ip.src"), is_of_tshark("ip_src"), is_of_tshark("Source")
    (True, True, False)
    """
    return "." in name or normalise(name) in _DOTTED


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of a table says.

    Parameters
    ----------
    names
        The names as they are written.
    places
        By column (a key of NAMES) where it stands, the places that count first first.
    comma
        Whether its language, or its delimiter, has decimal commas.
    day_first
        Whether its language writes the day before the month.
    days
        Whether times that are numbers are a spreadsheet's days.
    zone
        Of the times, where the header says it: ``Time (UTC-3)``.
    twice
        Names that stand there twice, of which the first column is read.
    since_1904
        Whether those days count from 1904-01-01.
    """

    names: tuple[str, ...]
    places: dict[str, tuple[int, ...]]
    comma: bool = False
    day_first: bool = False
    days: bool = False
    zone: str = ""
    twice: tuple[str, ...] = ()
    since_1904: bool = False

    @property
    def has_time(self) -> bool:
        """Say whether a column says when."""
        return "ts" in self.places or "date" in self.places


def read_header(names: list[str], *, delimiter: str = "") -> Header | None:
    """Return the header that these names are; None where fewer than two columns are named.

    Nor is a table one of frames whose rows say how many packets they are, or only when and who
    spoke, as lines of any log do.
    """
    plain, zone = _bare(names)
    places: dict[str, tuple[int, ...]] = {}
    twice: list[str] = []
    for column, ranks in PLACES.items():
        found = sorted((ranks[name], place) for place, name in enumerate(plain) if name in ranks)
        if found:
            places[column] = tuple(place for _, place in found)
            twice += [names[b] for (r, _), (s, b) in itertools.pairwise(found) if r == s]
    own = [column for column in places if column not in BARE]
    if (
        len(own) < 2
        or set(own) == {"ts", "id.orig_h"}
        or not FLOWS.isdisjoint(plain)
        or any(map(SUMMED.match, plain))
    ):
        return None
    foreign = not _COMMA.isdisjoint(plain)
    first = plain[places["ts"][0]] if "ts" in places else ""
    return Header(
        tuple(names), places, foreign or delimiter == ";", foreign, first in DAYS, zone,
        tuple(dict.fromkeys(twice)),
    )  # fmt: skip


def _bare(names: list[str]) -> tuple[list[str], str]:
    """Return names as they are compared, without zones and units behind some, and the zone."""
    made, zone = [], ""
    for name in names:
        found = _ZONED.fullmatch(name.strip())
        bare = normalise(found[1]) if found else ""
        if found and (bare in PLACES["ts"] or bare in PLACES["date"]) and is_zone(found[2]):
            zone = found[2]
            made.append(bare)
        elif found and bare in PLACES["length"] and normalise(found[2]) in _IN_BYTES:
            made.append(bare)
        else:
            plain = normalise(name)
            made.append(_DOTTED.get(plain, plain))
    return made, zone


def beside(header: Header) -> tuple[Header, ...]:
    """Return the headers of the tables that stand beside each other under one row of names.

    Each has the names of its own columns alone. A table begins where the first name comes again,
    and has at least three columns of frames.
    """
    plain = [normalise(name) for name in header.names]
    first = next((name for name in plain if name), "")
    starts = [place for place, name in enumerate(plain) if name == first]
    found = tuple(
        _between(header, start, end) for start, end in itertools.pairwise([*starts, len(plain)])
    )
    several = len(found) > 1 and header.twice
    return found if several and all(len(h.places) >= _LEAST for h in found) else (header,)


def _between(header: Header, start: int, end: int) -> Header:
    """Return what of a header stands in some of its columns."""
    names = tuple(n if start <= p < end else "" for p, n in enumerate(header.names))
    inside = {
        column: tuple(place for place in places if start <= place < end)
        for column, places in header.places.items()
    }
    return replace(header, names=names, places={c: p for c, p in inside.items() if p}, twice=())


def other_unit(header: Header) -> str:
    """Return the column that has the lengths in another unit than bytes; empty where none has."""
    for name in header.names:
        found = _ZONED.fullmatch(name.strip())
        if found and normalise(found[1]) in PLACES["length"]:
            return name
    return ""


def unknown(header: Header) -> str:
    """Return, in brackets, the columns of a table that say nothing here; empty where all do."""
    known = {place for places in header.places.values() for place in places}
    others = [name[:40] for place, name in enumerate(header.names) if name and place not in known]
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    return f" (columns that are not known: {', '.join(others[:5])}{more})" if others else ""
