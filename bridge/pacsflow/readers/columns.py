"""Matches column names of spreadsheets and exports, English or Portuguese, to those of frames."""

from __future__ import annotations

import re
import unicodedata

NAMES = {
    "ts": "time, absolute time, utc time, utc date and time, timestamp, date, datetime, "
    "frame.time_epoch, frame.time_utc, frame.time, epoch time, arrival time, tempo, hora, "
    "data, data e hora, data/hora, horario",
    "protocol": "protocol, protocolo, _ws.col.protocol",
    "id.orig_h": "source, source address, src, ip.src, origem, endereco de origem, "
    "ip de origem, fonte",
    "id.resp_h": "destination, destination address, dst, dest, ip.dst, destino, "
    "endereco de destino, ip de destino",
    "hw_source": "hardware source, hw source, hw src, source mac, hw src addr, eth.src, "
    "hardware de origem, origem hardware, mac de origem, hardware origem",
    "hw_destination": "hardware destination, hw destination, hw dest, hw dst, hw dest addr, "
    "destination mac, eth.dst, hardware de destino, destino hardware, mac de destino, "
    "hardware destino, hardware dest",
    "vlan": "vlan, vlan id, vlan.id, 802.1q vlan id",
    "length": "length, packet length, frame length, packet length (bytes), len, frame.len, "
    "tamanho, comprimento",
    "info": "info, information, informacao, informacoes, _ws.col.info",
    "id.orig_p": "source port, src port, tcp.srcport, udp.srcport, porta de origem",
    "id.resp_p": "destination port, dest port, dst port, tcp.dstport, udp.dstport, "
    "porta de destino",
}
BY_NAME = {name.strip(): column for column, names in NAMES.items() for name in names.split(",")}


def normalise(name: str) -> str:
    """Return a column name in lower case, without accents, quotes and doubled spaces."""
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.sub(r"[\s_]+(?!ws)", " ", plain.strip().strip("\"'").lower()).strip()


def match_columns(names: list[str]) -> dict[str, int]:
    """Return the place of every column of frames that `names` has (the first of several)."""
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        column = BY_NAME.get(normalise(name)) or BY_NAME.get(name.strip().lower())
        if column:
            found.setdefault(column, place)
    return found
