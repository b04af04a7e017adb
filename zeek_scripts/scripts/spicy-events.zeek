##! Events of the DICOM analyzer, and the records that they carry.

@load ./times_fields

module DICOM;

export {
	## A presentation context as an A-ASSOCIATE-RQ or -AC has it.
	type PresentationContext: record {
		## Presentation-context-ID: odd, 1 to 255.
		id:              count;
		## Result (PS3.8, table 9-18); 0 is acceptance. Without meaning in a request.
		result:          count;
		## Abstract syntax, a SOP class UID. Empty in an acceptance.
		abstract_syntax: string;
		## Accepted transfer syntax UID. Empty in a request.
		transfer_syntax: string;
	};

	## An SCP/SCU role selection (PS3.7, D.3.3.4).
	type RoleSelection: record {
		## SOP class UID that the roles are for.
		sop_class: string;
		## The requestor of the association is SCU.
		scu:       bool;
		## The requestor of the association is SCP.
		scp:       bool;
	};

	## What an A-ASSOCIATE-RQ or -AC says.
	type Negotiation: record {
		## Called AE title, without padding.
		called_ae:              string;
		## Calling AE title, without padding.
		calling_ae:             string;
		## It was read to its end.
		is_whole:               bool;
		## Number of presentation contexts.
		context_items:          count;
		## The first 128 presentation contexts.
		contexts:               vector of PresentationContext;
		## Role selections.
		roles:                  vector of RoleSelection;
		## Maximum length of a P-DATA-TF that its sender accepts; 0 is no limit.
		max_pdu:                count &optional;
		## Implementation Class UID.
		implementation_uid:     string;
		## Implementation Version Name.
		implementation_version: string;
		## Type of user identity (PS3.7, D.3.3.7). The identity itself is never read.
		user_identity:          count &optional;
		## Operations that the requestor of the association may have under way; 0 is no limit.
		requestor_window:       count &optional;
		## Operations that the acceptor may have under way.
		acceptor_window:        count &optional;
	};

	## What a DIMSE command set says.
	type Command: record {
		## Presentation-context-ID that it was sent in.
		context_id:       count;
		## Command Field (0000,0100).
		field:            count;
		## Affected or Requested SOP Class UID, or empty.
		sop_class:        string;
		## Status (0000,0900) of a response.
		status:           count &optional;
		## Move Destination (0000,0600), or empty.
		move_destination: string;
	};

	## What was counted so far, in one direction.
	type Taken: record {
		## P-DATA-TF PDUs.
		data_pdus:  count &default=0;
		## Data-set bytes, from the length headers.
		data_bytes: count &default=0;
		## C-STORE-RQ that say the same as the command before them, but for their Message ID and
		## SOP instance. There is no event for each.
		store_rq:   count &default=0;
		## C-STORE-RSP of success, likewise.
		store_rsp:  count &default=0;
		## When the last whole PDU ended.
		clock:      time &default=double_to_time(0.0);
		## Something violates PS3.7 or PS3.8.
		malformed:  bool &default=F;
		## A reserved byte of a fixed field is not zero.
		reserved_nonzero: bool &default=F;
		## A data set starts with the header of a file (PS3.10).
		part10:     bool &default=F;
		## The boundaries of PDUs were lost at least once.
		stopped:    bool &default=F;
		## Of the data-set bytes, those that were announced and have not come yet.
		lacking:    count &default=0;
		## A PDU has begun and not ended.
		unfinished: bool &default=F;
	};

	## Generated a tenth of a second after a PDU, for all until then, and when the connection ends.
	##
	## c: The connection.
	##
	## is_orig: True for what the originator of the connection sent.
	##
	## t: What was counted so far.
	##
	## .. zeek:see:: DICOM::command
	global taken: event(c: connection, is_orig: bool, t: Taken);

	## Generated when an association or its connection ends, and in between with a response when
	## there was none for a minute.
	##
	## c: The connection.
	##
	## rows: What was measured so far, by operation and by which side of the connection requested
	##       it. What the analyzer does not know is unset: ts, uid, id, community_id, ops_window,
	##       round_trip and tls.
	##
	## .. zeek:see:: DICOM::taken
	global timed: event(c: connection, rows: vector of Times);

	## Generated when a connection ends that the analyzer watched and that began with a ClientHello.
	##
	## c: The connection.
	##
	## rows: What its packets tell, by side. What the analyzer does not know is unset: uid, id,
	##       community_id, round_trip and tls.
	##
	## .. zeek:see:: DICOM::timed
	global sealed: event(c: connection, rows: vector of Times);
}

## Generated for a PROXY header in front of a connection that names a client.
##
## c: The connection.
##
## client: Where the connection came from before the load balancer.
global DICOM::proxied: event(c: connection, client: addr);

## Generated for an A-ASSOCIATE-RQ or A-ASSOCIATE-AC with the DICOM application context.
##
## c: The connection.
##
## is_orig: True if the originator of the connection sent it.
##
## is_request: True for A-ASSOCIATE-RQ.
##
## n: What it says.
##
## begun: When the first byte of the connection came.
##
## .. zeek:see:: DICOM::reject
global DICOM::associate: event(c: connection, is_orig: bool, is_request: bool, n: DICOM::Negotiation,
                               begun: time);

## Generated for an A-ASSOCIATE-RJ in answer to an A-ASSOCIATE-RQ.
##
## c: The connection.
##
## is_orig: True if the originator of the connection sent it.
##
## result: 1 permanent, 2 transient (PS3.8, table 9-21).
##
## source: 1 service user, 2 and 3 service provider.
##
## reason: The reason, within its source.
##
## .. zeek:see:: DICOM::associate
global DICOM::reject: event(c: connection, is_orig: bool, result: count, source: count, reason: count);

## Generated for an A-RELEASE-RQ or A-RELEASE-RP.
##
## c: The connection.
##
## is_orig: True if the originator of the connection sent it.
##
## is_request: True for A-RELEASE-RQ.
global DICOM::release: event(c: connection, is_orig: bool, is_request: bool);

## Generated for an A-ABORT.
##
## c: The connection.
##
## is_orig: True if the originator of the connection sent it.
##
## source: 0 service user, 2 service provider (PS3.8, table 9-26).
##
## reason: The reason, if the source is the service provider.
global DICOM::abort: event(c: connection, is_orig: bool, source: count, reason: count);

## Generated for a whole DIMSE command set, but not for a successful C-STORE that says the same as
## the one before it on its side: of the images of a series.
##
## c: The connection.
##
## is_orig: True if the originator of the connection sent it.
##
## m: What it says.
##
## begun: When the first byte of the connection came.
##
## .. zeek:see:: DICOM::taken
global DICOM::command: event(c: connection, is_orig: bool, m: DICOM::Command, begun: time);

## Generated where a direction of a connection that is no association so far begins with something
## else than DICOM: another protocol, or the middle of a stream.
##
## c: The connection.
global DICOM::unrecognised: event(c: connection);
