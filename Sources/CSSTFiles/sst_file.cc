#include "CSSTFiles.h"

#include <rocksdb/iterator.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/status.h>
#include <rocksdb/table_properties.h>

#include <cstring>
#include <exception>
#include <memory>
#include <string>

struct tc_sst_file {
    rocksdb::SstFileReader reader{rocksdb::Options()};
    std::string family;
};

// Runs `body` and makes a message of what went wrong. A damaged length may ask for more memory than there is: that
// too is only a message.
template <typename Body>
static char *message_of(Body body) {
    try {
        rocksdb::Status status = body();
        return status.ok() ? nullptr : strdup(status.ToString().c_str());
    } catch (const std::exception &error) {
        return strdup((std::string("Corruption: ") + error.what()).c_str());
    }
}

// What is read once does not push other things out of a cache.
static rocksdb::ReadOptions read_options() {
    rocksdb::ReadOptions options;
    options.verify_checksums = true;
    options.fill_cache = false;
    return options;
}

char *tc_sst_open(const char *path, tc_sst_file **file) {
    *file = nullptr;
    return message_of([&] {
        auto opened = std::make_unique<tc_sst_file>();
        rocksdb::Status status = opened->reader.Open(path);
        if (!status.ok()) return status;
        if (auto properties = opened->reader.GetTableProperties()) opened->family = properties->column_family_name;
        *file = opened.release();
        return status;
    });
}

void tc_sst_close(tc_sst_file *file) { delete file; }

const char *tc_sst_family(const tc_sst_file *file) { return file->family.c_str(); }

char *tc_sst_verify(tc_sst_file *file) {
    return message_of([&] { return file->reader.VerifyChecksum(read_options()); });
}

char *tc_sst_visit(tc_sst_file *file, tc_sst_visitor visitor, void *context) {
    return message_of([&] {
        std::unique_ptr<rocksdb::Iterator> entries(file->reader.NewIterator(read_options()));
        for (entries->SeekToFirst(); entries->Valid(); entries->Next()) {
            rocksdb::Slice key = entries->key(), value = entries->value();
            if (!visitor(context, key.data(), key.size(), value.data(), value.size())) break;
        }
        return entries->status();
    });
}
