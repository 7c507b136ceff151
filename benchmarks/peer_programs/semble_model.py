"""A model for semble of the shape of its own, made without its hub: python semble_model.py TREE FOLDER

semble's default, potion-code-16M, has 62,500 tokens of 256 numbers. The numbers here are random and the tokens are
learnt from the tree: what is embedded means nothing, and takes as long as with the real ones.
"""

import sys
from pathlib import Path

import numpy as np
from model2vec import StaticModel
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

TOKENS = 62_500
NUMBERS = 256
CHARACTERS = 30_000_000  # to learn the tokens from


def main() -> None:
    """Learn the tokens, draw the rows and save both."""
    tree, folder = Path(sys.argv[1]), Path(sys.argv[2])
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=TOKENS, special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    tokenizer.train_from_iterator(texts(tree), trainer)
    rows = np.random.default_rng(1).normal(size=(tokenizer.get_vocab_size(), NUMBERS)).astype(np.float32)
    StaticModel(vectors=rows, tokenizer=tokenizer).save_pretrained(folder)
    print(f"{len(rows)} tokens")


def texts(tree: Path) -> list[str]:
    """Files of the tree, up to CHARACTERS of them, spread over it."""
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    found: list[str] = []
    characters = 0
    for path in files[::7]:
        found.append(path.read_text(errors="replace"))
        characters += len(found[-1])
        if characters > CHARACTERS:
            break
    return found


if __name__ == "__main__":
    main()
