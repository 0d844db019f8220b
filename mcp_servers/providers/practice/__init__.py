"""A provider on loopback that speaks the real wires without a language model: to practise, test and measure."""
