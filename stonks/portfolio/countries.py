"""The country an ISIN was given out in: its first two letters, an ISO 3166-1 code. XS, EU and other prefixes that are
nobody's country are international (ISO 6166: issued by Euroclear, Clearstream and other substitute agencies)."""

from __future__ import annotations

import re

INTERNATIONAL = "International"

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_CODES = (
    "AD Andorra|AE United Arab Emirates|AF Afghanistan|AG Antigua and Barbuda|AI Anguilla|AL Albania|AM Armenia|"
    "AO Angola|AR Argentina|AT Austria|AU Australia|AW Aruba|AZ Azerbaijan|BA Bosnia and Herzegovina|BB Barbados|"
    "BD Bangladesh|BE Belgium|BF Burkina Faso|BG Bulgaria|BH Bahrain|BI Burundi|BJ Benin|BM Bermuda|BN Brunei|"
    "BO Bolivia|BR Brazil|BS Bahamas|BT Bhutan|BW Botswana|BY Belarus|BZ Belize|CA Canada|"
    "CD Democratic Republic of the Congo|CG Congo|CH Switzerland|CI Côte d’Ivoire|CK Cook Islands|CL Chile|"
    "CM Cameroon|CN China|CO Colombia|CR Costa Rica|CU Cuba|CV Cabo Verde|CW Curaçao|CY Cyprus|CZ Czechia|"
    "DE Germany|DJ Djibouti|DK Denmark|DM Dominica|DO Dominican Republic|DZ Algeria|EC Ecuador|EE Estonia|EG Egypt|"
    "ES Spain|ET Ethiopia|FI Finland|FJ Fiji|FK Falkland Islands|FO Faroe Islands|FR France|GA Gabon|"
    "GB United Kingdom|GD Grenada|GE Georgia|GG Guernsey|GH Ghana|GI Gibraltar|GL Greenland|GM Gambia|GN Guinea|"
    "GQ Equatorial Guinea|GR Greece|GT Guatemala|GW Guinea-Bissau|GY Guyana|HK Hong Kong|HN Honduras|HR Croatia|"
    "HT Haiti|HU Hungary|ID Indonesia|IE Ireland|IL Israel|IM Isle of Man|IN India|IQ Iraq|IR Iran|IS Iceland|"
    "IT Italy|JE Jersey|JM Jamaica|JO Jordan|JP Japan|KE Kenya|KG Kyrgyzstan|KH Cambodia|KM Comoros|"
    "KN Saint Kitts and Nevis|KR South Korea|KW Kuwait|KY Cayman Islands|KZ Kazakhstan|LA Laos|LB Lebanon|"
    "LC Saint Lucia|LI Liechtenstein|LK Sri Lanka|LR Liberia|LS Lesotho|LT Lithuania|LU Luxembourg|LV Latvia|"
    "LY Libya|MA Morocco|MC Monaco|MD Moldova|ME Montenegro|MG Madagascar|MH Marshall Islands|MK North Macedonia|"
    "ML Mali|MM Myanmar|MN Mongolia|MO Macao|MR Mauritania|MS Montserrat|MT Malta|MU Mauritius|MV Maldives|"
    "MW Malawi|MX Mexico|MY Malaysia|MZ Mozambique|NA Namibia|NC New Caledonia|NE Niger|NG Nigeria|NI Nicaragua|"
    "NL Netherlands|NO Norway|NP Nepal|NR Nauru|NZ New Zealand|OM Oman|PA Panama|PE Peru|PF French Polynesia|"
    "PG Papua New Guinea|PH Philippines|PK Pakistan|PL Poland|PR Puerto Rico|PS Palestine|PT Portugal|PY Paraguay|"
    "QA Qatar|RO Romania|RS Serbia|RU Russia|RW Rwanda|SA Saudi Arabia|SC Seychelles|SD Sudan|SE Sweden|"
    "SG Singapore|SI Slovenia|SK Slovakia|SL Sierra Leone|SM San Marino|SN Senegal|SR Suriname|SV El Salvador|"
    "SX Sint Maarten|SY Syria|SZ Eswatini|TC Turks and Caicos Islands|TD Chad|TG Togo|TH Thailand|TJ Tajikistan|"
    "TM Turkmenistan|TN Tunisia|TO Tonga|TR Türkiye|TT Trinidad and Tobago|TW Taiwan|TZ Tanzania|UA Ukraine|"
    "UG Uganda|US United States|UY Uruguay|UZ Uzbekistan|VA Holy See|VC Saint Vincent and the Grenadines|"
    "VE Venezuela|VG British Virgin Islands|VI US Virgin Islands|VN Vietnam|VU Vanuatu|WS Samoa|YE Yemen|"
    "ZA South Africa|ZM Zambia|ZW Zimbabwe"
)
_NAMES = dict(entry.split(" ", 1) for entry in _CODES.split("|"))


def code(isin: str | None) -> str | None:
    """None when it is no ISIN, a symbol for instance."""
    return isin[:2] if isin and _ISIN.fullmatch(isin) else None


def name(code: str) -> str:
    return _NAMES.get(code, INTERNATIONAL)
