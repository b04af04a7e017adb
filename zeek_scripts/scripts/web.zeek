##! DICOMweb (PS3.18) in http.log: which service, how many objects. Query keys and UIDs in its URIs
##! are about patients, and are left out of the log.

@load base/frameworks/telemetry
@load base/protocols/http

module DICOM;

export {
	## Replace the UIDs and the query in the URI and the referrer of DICOMweb requests in
	## http.log.
	option redact_web_uris = T;

	## DICOMweb requests, by service and method.
	global web_requests = Telemetry::register_counter_family(Telemetry::MetricOpts(
	    $prefix="zeek", $name="dicomweb_requests", $unit="1",
	    $help_text="DICOMweb requests", $label_names=vector("service", "method")));
}

redef record HTTP::Info += {
	## DICOMweb service: stow-rs, qido-rs, wado-rs, wado-uri or ups-rs.
	dicomweb_service:    string &log &optional;
	## Parts of the request that are DICOM objects.
	dicomweb_orig_parts: count  &log &optional;
	## Parts of the response that are DICOM objects.
	dicomweb_resp_parts: count  &log &optional;
	## A header names a DICOM media type.
	dicomweb_media:      bool   &default=F;
};

# Resources of PS3.18, section 10.1 and 11.1, with UIDs where there are some.
const studies_path = /\/(studies|series|instances)(\/|$)/;
const with_uids = /\/studies\/[0-9]+\.[0-9.]+/;
const workitems_path = /\/workitems(\/|$)/;
const media_types = /application\/(dicom|dicom\+(json|xml))/;

event http_header(c: connection, is_orig: bool, original_name: string, name: string, value: string)
	{
	if ( ! c?$http || (name != "ACCEPT" && name != "CONTENT-TYPE") )
		return;

	if ( media_types in to_lower(value) )
		c$http$dicomweb_media = T;
	}

event http_content_type(c: connection, is_orig: bool, ty: string, subty: string)
	{
	if ( ! c?$http || to_lower(ty) != "application" || to_lower(subty) != "dicom" )
		return;

	if ( is_orig )
		c$http$dicomweb_orig_parts = (c$http?$dicomweb_orig_parts ? c$http$dicomweb_orig_parts : 0) + 1;
	else
		c$http$dicomweb_resp_parts = (c$http?$dicomweb_resp_parts ? c$http$dicomweb_resp_parts : 0) + 1;
	}

# A path alone says little, unless it has UIDs: the media types of DICOM must be there, too.
function web_service(info: HTTP::Info): string
	{
	local uri_parts = split_string1(info$uri, /\?/);
	local path = uri_parts[0];
	local query = |uri_parts| > 1 ? uri_parts[1] : "";
	local has_dicom = info$dicomweb_media || info?$dicomweb_orig_parts || info?$dicomweb_resp_parts;

	if ( /(^|&)requestType=WADO(&|$)/ in query )
		return "wado-uri";

	if ( workitems_path in path && has_dicom )
		return "ups-rs";

	if ( studies_path !in path || (with_uids !in path && ! has_dicom) )
		return "";

	if ( info$method == "POST" )
		return "stow-rs";

	# A search ends with what is searched for, a retrieval with a UID or what is wanted of it.
	return /\/(studies|series|instances)\/?$/ in path ? "qido-rs" : "wado-rs";
	}

function redacted(uri: string): string
	{
	return gsub(gsub(uri, /\?.*/, "?-"), /[0-9]+\.[0-9.]+[0-9]/, "-");
	}

# The last moment before the row is written, when the response is known, too.
hook HTTP::log_policy(rec: HTTP::Info, id: Log::ID, filter: Log::Filter)
	{
	if ( ! rec?$uri || ! rec?$method || rec?$dicomweb_service )
		return;

	local service = web_service(rec);

	if ( service == "" )
		{
		delete rec$dicomweb_orig_parts;
		delete rec$dicomweb_resp_parts;
		return;
		}

	rec$dicomweb_service = service;
	Telemetry::counter_family_inc(web_requests, vector(service, rec$method));

	if ( ! redact_web_uris )
		return;

	rec$uri = redacted(rec$uri);

	if ( rec?$referrer )
		rec$referrer = redacted(rec$referrer);
	}
