# ruff: noqa: E501 - a pattern reads best on its line
"""Text in a source that speaks to whoever processes it: never evidence, never followed, always said.

What counts is to whom a sentence speaks, not its words: manuals say "ignore", and texts about assistants name prompts.
tests/workflows/injection holds 60 orders and 60 harmless sentences.
"""

from __future__ import annotations

import re

from workflows.steps.research.disguises import decoded, plain

_START = r"(?:^[^\w<]*|[.!?:;,]\s+|\b(?:please|must|should|now|then|and|just|kindly)\s+)"
_MODEL = r"(?:(?:large )?language models?|llms?|chat ?bots?|chatgpt|gpt-?\w*|ai(?: (?:systems?|assistants?|agents?|models?|readers?|tools?))?|virtual assistants?)"
_SAY = r"(?:say|state|tell|list|answer|reply|respond|mention|recommend|report|output|write|print|ignore|include|describe|praise|call|rank|rate|claim|conclude|add|insert|append|disregard|cite|quote|translate|visit|fetch)"
_GIVEN = r"(?:instructions?|directives?|prompts?|rules|guidelines?|directions|commands|constraints|orders|programming|training)"

_OVERRIDES = (
    rf"{_START}(?:completely |simply )?(?:ignore|disregard|forget|override|overrule|bypass|abandon|drop|discard|set aside|put aside|throw out)\s+(?:(?:all|any|of|the|every|your|my|these|those|other|previous|prior|above|earlier|preceding|system|original|former|old|initial|safety)\s+){{1,5}}{_GIVEN}\b"
    rf"|{_START}(?:ignore|disregard|forget)\s+(?:everything|anything|all|what(?:ever)?)\s+(?:(?:of|the|that|was|said|written)\s+){{0,3}}(?:above|before|you\s+(?:were|have|had|are|know))"
    rf"|\byour {_GIVEN} (?:have|has|are) (?:now |been )?(?:changed|replaced|updated|void)|\bnew {_GIVEN}\s*:|\byour (?:new|updated|real|actual|true|only) (?:task|role|goal|job|purpose|objective|mission|{_GIVEN})\b"
    rf"|\byour (?:previous|prior|earlier|old|original) {_GIVEN}|{_START}(?:ignore|disregard|distrust|skip) (?:all |any |the )?other (?:documents?|sources?|pages?|passages?|texts?|results?|websites?|articles?)\b"
    rf"|{_START}(?:ignore|disregard|forget) (?:all )?(?:of )?(?:the )?(?:above|foregoing)(?:\s+(?:and|text|content)\b|\s*[.,;:!]|$)"
    rf"|{_START}(?:forget|ignore|disregard) (?:the|your|this) (?:question|task|topic|request|query|assignment)\b|\bthis (?:text|page|document|message|file|notice|paragraph) (?:overrides?|replaces?|supersedes?|outranks?)\b|\bonly the {_GIVEN} (?:of|on|in) this (?:page|text|document|file)\b"
    rf"|{_START}(?:consider|treat|regard) (?:all |any )?(?:the )?(?:earlier|other|previous|prior) (?:findings|sources|results|claims|evidence|documents|passages)\b|\brepeat after me\b"
    r"|\bI (?:hereby )?(?:order|command|instruct|direct|authori[sz]e|want|need|expect) you to\b|\b(?:operator|developer|admin\w*|system|owner|creator|user)s? (?:wants?|orders?|instructs?|expects?|commands?) you to\b"
    r"|\bthe user has already (?:approved|agreed|consented|authori[sz]ed|confirmed|allowed|given)|\bstop what you(?: are|'re) doing\b"
    r"|\b(?:treat|read|take|regard) (?:the (?:next|following)|this) (?:sentences?|texts?|paragraphs?|messages?|lines?|words?) as\b|\bas an? (?:ai|llm|(?:large )?language model|chatbot|assistant),? you\b"
    r"|\byou are (?:now|henceforth) (?:an? |the |in )?(?:\w*gpt\b|dan\b|\w*bot\b|unrestricted|jailbroken|developer mode)"
    r"|\byou are (?:now )?(?:an? |the )?(?:helpful |honest |unrestricted )?(?:ai\b|assistant|(?:large )?language model|llm|chatbot)"
    r"|\bfrom now on,? you (?:will|must|shall|are|should)\b"
    rf"|{_START}(?:pretend (?:to be|you|that you)|act as an? (?:unrestricted|uncensored|different|new|ai|evil|language|expert)|role-?play)"
)
_MARKS = (
    r"(?<!`)<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant|user|human|tool_calls?|tool_results?|function_calls?|function_results?|instructions?)\b[^>]{0,80}>"
    r"|\[(?:system|assistant|user|developer|admin)\]|^\W*(?:(?:hello|hi|hey|dear|ok|okay),?\s+)?(?:(?:ai|research|virtual|dear) )?(?:assistant|agent|bot|llm|chatbot|ai)s?\s*[,!:]\s"
    r"|\b(?:begin|start|end) (?:of )?(?:the )?(?:system|hidden|secret) (?:prompt|message|instructions?)\b|^\W{0,8}(?:for|to) (?:all |any |the )?(?:ai |automated )?(?:assistants?|models?|bots?|agents?|llms?)\s*:"
    r"|^\W{0,8}(?:assistant|developer|user|human|ai|llm|gpt|model|bot)(?: message| prompt| override)?\s*:|\bassistant\s*:\s"
    r"|^\W{0,4}system (?:message|prompt|override|notice|instructions?|note)\s*[:>—-]|\b(?:admin|system|root|developer) override\b"
    r"|^\s*#{1,6}\s*(?:new |system )?(?:instructions?|system|assistant)\s*:|[\"']role[\"']\s*:\s*[\"'](?:system|assistant|developer|user|tool)"
    r"|^\W{0,4}(?:tool|function|\w+_\w+)(?: call| result| output| response)s?\s*(?:\([^)]{0,60}\))?\s*:"
)
_ADDRESSED = (
    rf"\bif you are (?:an? |the )?{_MODEL}\b|(?:^\W*|[.!?]\s+)(?:important |urgent )?(?:note|notice|message|instructions?|attention|dear|hey|hello|reminder|to)\b[\s,:]{{1,3}}(?:(?:to|for|all|any|the|every)\s+){{0,3}}{_MODEL}\b[^.]{{0,60}}[:,]"
    rf"|\b{_MODEL} (?:that|who|which) (?:reads?|process(?:es)?|summari[sz]es?|analy[sz]es?|sees?|visits?)\b|\b{_MODEL}\b[^.]{{0,40}}\b(?:must|should|shall|have to|has to|are to|please)\s+(?:only |always |never |not |now )?{_SAY}\b"
    rf"|\byour (?:answer|output|reply|response) (?:has to|must|should|shall|needs to) (?:only |not |never )?(?:contain|include|be|say|state|begin|start|end|mention|omit|avoid)\b|{_START}(?:output|write|say|report|mention) nothing (?:about|else|but)\b|{_START}tell the user that\b"
    rf"|\bthe (?:model|ai|llm) (?:must|should|shall|has to)\s+(?:only |always |never |not )?{_SAY}\b|\b{_MODEL} (?:are|is) (?:hereby )?(?:instructed|required|ordered|obliged|requested|told) to (?:\w+ly )?{_SAY}\b"
    r"|\bgive (?:only )?(?:an? )?(?:positive|favou?rable|glowing) reviews?\b|\b(?:must|should) accept this (?:paper|manuscript|page|claim|article)\b"
    rf"|\b{_MODEL} (?:reading|processing|summari[sz]ing|analy[sz]ing|parsing|indexing|visiting) (?:this|the)\b"
    r"|\b(?:whoever|anyone|anything|(?:any|every|the) (?:system|program|model|agent|software|script|bot|tool|reader|parser)) (?:that |who |which |automatically )?(?:process|read|summari[sz]|pars|index|analy[sz])\w*\b[^.]{0,50}\b(?:must|should|shall|has to|have to|is to)\b"
    r"|\b(?:any|every|all)? ?summar(?:y|ies) of this (?:page|document|text|file|source|article)s?\b[^.]{0,30}\b(?:must|should|shall|has to|have to|may|is to|are to)\b|\byour (?:summary|reader'?s? summary)\b"
    rf"|\b(?:the|every|any|this) assistant\b[^.]{{0,30}}\b(?:must|shall|has to)\s+(?:only |always |never |not )?{_SAY}\b"
    r"|\b(?:do not|don't|never) (?:tell|mention|reveal|inform|show|disclose|say) (?:it |this |that )?(?:to )?(?:the |your )?users?\b|\b(?:hidden|hide|secret) from the user\b|\bwithout (?:telling|informing|mentioning)[^.]{0,20}\bthe user\b"
    r"|\bin your (?:final |next )?(?:report|answer|summary|reply|response|output)\b|\b(?:the|your) final answer (?:must|should|shall|has to)\b|\bwhen (?:you (?:write|answer|summari[sz]e)|summari[sz]ing|writing (?:the|your|a) (?:summary|report|answer))\b(?!,? (?:the|he|she|they|we|it|an?|its?|this|these|some|most|many|all|no|our|his|her)\b)"
    rf"|{_START}(?:reply|respond|answer|output)\b[^.]{{0,60}}\b(?:with your (?:system|prompt|instructions)|only (?:with )?the (?:word|sentence|phrase)|in (?:json|base64|rot13)|with the (?:word|sentence|phrase)|exclusively|nothing else)\b"
    rf"|{_START}cite this (?:page|document|source|passage|text)\b|\b(?:mark|rate|treat|label|flag|accept) (?:every|all|this|these|each) (?:claims?|sources?|statements?|passages?)\b|\b(?:instead of|over) (?:the |all )?other sources\b"
    r"|\b(?:finish|end|stop|abort|skip) (?:your|the) (?:report|research|answer|(?:remaining|other) sources)\b"
)
_REACHES = (
    r"https?://\S{0,300}(?:\{\w{1,40}\}|=\[?(?:SECRET|DATA|TOKEN|KEY|QUERY|CONVERSATION)\b)|\breplace \S+ with the user'?s\b"
    rf"|{_START}(?:send|post|upload|forward|e-?mail|append|transmit|copy|submit|leak)\b[^.]{{0,60}}\b(?:api keys?|passwords?|secrets?|credentials|conversation|chat history|system prompt|your memory|environment variables|private keys?|user's (?:question|data|name|api))\b"
    rf"|{_START}(?:print|show|reveal|list|dump|read out) (?:me )?(?:the|your|all) (?:environment variables|api keys?|passwords?|secrets?|credentials|private keys?)\b"
    rf"|{_START}(?:open|fetch|visit|load|request|download|navigate to|go to|call)\s+https?://\S+\s+(?:and|followed|with|then)\b|{_START}(?:delete|remove|wipe|erase) (?:all )?(?:the )?(?:files|documents|data|records) (?:in|of|from|on) (?:the |your )?(?:user|home|disk|system|server|machine|workspace)"
    r"|\b(?:reveal|repeat|print|show|output) (?:me )?(?:your|the) (?:system|hidden|initial|full) (?:prompt|instructions?)\b"
    r"|\b(?:call|invoke|use|run) the (?:tool|function) `?\w+_\w+|\b(?:run|execute|call)\b[^.]{0,60}(?:\brm -rf\b|\bdrop table\b|\bcurl \S|\bwget \S|os\.system|\beval\()"
)
_ORDERS = re.compile("|".join((_OVERRIDES, _MARKS, _ADDRESSED, _REACHES)), re.IGNORECASE | re.DOTALL)
_SHOUTED = re.compile(r"^\W{0,4}SYSTEM\s*:")  # "System: two circuits" is a table's row
_DECODED = re.compile(f"{_OVERRIDES}|{_ADDRESSED}|{_REACHES}", re.IGNORECASE | re.DOTALL)


def addresses_reader(text: str) -> bool:
    """Tell whether a text gives orders to an assistant or a program that reads it, also in disguise."""
    seen = plain(text)
    if _ORDERS.search(seen) or _SHOUTED.search(seen):
        return True
    return any(_DECODED.search(other) for other in decoded(seen))
