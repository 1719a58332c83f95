#!/usr/bin/env python3
"""What `stoa import products FILE` must count in a Shopify product CSV, reckoned independently.

    shopify_reference.py FILE...    one JSON object a line; standard library only

products: handles. variants: first rows of a product, and rows with an option value, a SKU or a
price. images: different addresses a product. duplicate_skus: variants whose SKU an earlier one has;
negative_quantities and these two get a note. units: opening stock, negative quantities as 0.
"""
import csv
import json
import sys


def reckon(path):
    rows_of = {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            rows_of.setdefault(row["Handle"].strip(), []).append(row)
    variants = images = duplicates = negative = units = active = 0
    skus = set()
    for rows in rows_of.values():
        images += len({row["Image Src"].strip() for row in rows} - {""})
        active += rows[0]["Published"].strip().lower() == "true"
        for nth, row in enumerate(rows):
            cells = ("Option1 Value", "Variant SKU", "Variant Price")
            if nth > 0 and not any(row[cell].strip() for cell in cells):
                continue
            variants += 1
            sku = row["Variant SKU"].strip()
            duplicates += sku != "" and sku in skus
            skus.add(sku)
            quantity = int(row["Variant Inventory Qty"].strip() or 0)
            negative += quantity < 0
            units += max(quantity, 0)
    return {"products": len(rows_of), "variants": variants, "images": images, "rejected": 0,
            "active": active, "duplicate_skus": duplicates, "negative_quantities": negative,
            "units": units}


for name in sys.argv[1:]:
    print(json.dumps({"file": name.rsplit("/", 1)[-1], **reckon(name)}))
